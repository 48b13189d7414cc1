"""Mirrors the tree of the code."""
