"""Tables of destinations and keys, and functions that take a transaction.

Never: decisions, caches, JSON of the wire.
"""
