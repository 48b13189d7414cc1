"""The server-server API in both directions.

Never: the store.
"""
