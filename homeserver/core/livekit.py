"""
What LiveKit knows of Matrix: names that tell it neither rooms nor users, and what their bearers may do there.

Spec: proposals/4195
"""

from hashlib import sha256
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.identifiers import RoomID
from homeserver.core.unpadded_base64 import encode_base64

# Clocks of servers differ a little.
_EARLY_SECONDS: Final = 10


def alias_of(room_id: RoomID, slot_id: str, *random_bits: str) -> str:
    """The LiveKit room of a slot."""
    return _hashed(room_id, slot_id, *random_bits)


def identity_of(user: str, claimed_device_id: str, member_id: str) -> str:
    """The LiveKit participant that a member of a session is."""
    return _hashed(user, claimed_device_id, member_id)


@frozen
class Grant:
    """Who may go where.  *publishes*: also speak there, and be the first."""

    identity: str
    alias: str
    publishes: bool

    def claims(self, issuer: str, now_seconds: int, lifetime_seconds: int) -> JSONObject:
        """What a token that says so holds."""
        return {
            "iss": issuer,
            "sub": self.identity,
            "nbf": now_seconds - _EARLY_SECONDS,
            "exp": now_seconds + lifetime_seconds,
            "video": {
                "room": self.alias,
                "roomJoin": True,
                "roomCreate": self.publishes,
                "canPublish": self.publishes,
                "canSubscribe": True,
            },
        }


def _hashed(*parts: str) -> str:
    return encode_base64(sha256(encode_canonical([*parts])).digest())
