"""The rules of rooms and accounts as values and plain functions.

May import the standard library, attrs, orjson, canonicaljson and nacl.
Never: a reactor, SQL, a clock, randomness or logging; time and keys are arguments.
"""
