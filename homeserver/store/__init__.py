"""Tables, and functions that take a transaction.

May import core and sqlalchemy.  Never: decisions, caches, JSON of the wire.
"""
