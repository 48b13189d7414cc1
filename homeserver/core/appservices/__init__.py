"""What application services are, what they are interested in, and what they are told."""
