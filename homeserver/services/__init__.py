"""Coroutines that gather, decide and act.

May import core, store and a clock; what a higher package must do is a Protocol in ports.py.
Never: HTTP status codes, request objects, raw SQL.
"""
