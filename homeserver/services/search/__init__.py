"""
Full text search: an index that follows the log, and what users find in it.

Spec: client-server-api#server-side-search
"""
