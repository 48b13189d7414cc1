"""Calls that LiveKit carries: who is let in."""
