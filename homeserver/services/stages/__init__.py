"""The stages of user-interactive authentication: each is one way to prove something, and knows nothing of flows."""
