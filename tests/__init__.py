"""Tests mirror the tree; a test says a property in one sentence."""
