"""Application services: who they are, what they are told, and what they are asked."""
