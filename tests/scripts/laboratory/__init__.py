"""Tests of scripts.laboratory."""
