"""Tests of scripts.endurance."""
