"""The operations that other servers ask for, a module a chapter.

Never: the store.
"""
