"""Tests of the administrators' command line."""
