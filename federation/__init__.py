"""The network of servers: signed requests, joins over servers, backfill, inbox and outbox.

May import homeserver.  Never: e2ee and media, which contribute to it by registration.
"""
