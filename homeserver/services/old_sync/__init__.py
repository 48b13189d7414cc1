"""
Syncing as it was before ``/sync``, and still is for previews of rooms: everything at once, and then event by event.

Spec: client-server-api#room-previews
"""
