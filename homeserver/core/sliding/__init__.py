"""
Simplified sliding sync: what clients ask for, and which of a user's rooms that is.

Spec: proposals/4186
"""
