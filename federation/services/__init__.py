"""Key ring, joins, backfill, inbox and outbox: coroutines that gather, decide and act.

Never: HTTP status codes, request objects, raw SQL.
"""
