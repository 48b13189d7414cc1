"""Rooms are closed, emptied and deleted, and what was said in them long ago is."""
