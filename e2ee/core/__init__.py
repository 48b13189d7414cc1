"""Device keys, one-time keys and their signatures as values and rules."""
