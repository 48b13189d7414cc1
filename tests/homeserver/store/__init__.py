"""Tests of homeserver/store, on both databases."""
