"""Properties of the code itself: what it may import, what it serves, what it documents."""
