"""Request signing, server discovery, key validity and ephemeral data units as plain functions.

Never: a reactor, SQL, a clock, randomness or logging.
"""
