"""The revisions of this package's tables."""
