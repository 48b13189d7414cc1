"""
What those who are not in a room are shown of it when they are invited, or knock.

Spec: client-server-api#stripped-state
"""

from typing import Final

from homeserver.core.events import StateKey

SHOWN_TO_INVITED: Final[tuple[StateKey, ...]] = (
    ("m.room.create", ""),
    ("m.room.name", ""),
    ("m.room.avatar", ""),
    ("m.room.topic", ""),
    ("m.room.join_rules", ""),
    ("m.room.canonical_alias", ""),
    ("m.room.encryption", ""),
)
"""To these comes the member event of whoever invites."""
