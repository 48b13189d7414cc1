"""Real peers and real clients, which nobody here wrote, against servers started for the test."""
