"""The edge: bytes to values and back.

May import core, services, twisted.web and treq.  Never: the store.
"""
