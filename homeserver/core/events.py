"""
An event of a room: the signed federation form (a PDU), and the fields that rules look at.

Spec: server-server-api#pdus
"""

from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.versions import RoomVersion

StateKey: TypeAlias = tuple[str, str]
"""The ``(type, state_key)`` of a state event."""


@frozen(eq=False)
class Event:
    """
    One event, immutable; two are equal when their IDs are.

    *pdu* is the whole signed object as servers exchange it, without ``unsigned``; nothing may change it.
    """

    event_id: EventID
    room_id: RoomID
    type: str
    sender: UserID
    state_key: str | None
    """None: not a state event."""
    content: Mapping[str, JSON]
    prev_events: tuple[EventID, ...]
    auth_events: tuple[EventID, ...]
    depth: int
    origin_server_ts: int
    """Milliseconds since 1970, as the sender's server says."""
    redacts: EventID | None
    version: RoomVersion = field(repr=False)
    pdu: JSONObject = field(repr=False)

    @property
    def is_state(self) -> bool:
        return self.state_key is not None

    @property
    def key(self) -> StateKey:
        """The ``(type, state_key)``; for state events only."""
        assert self.state_key is not None, "a message event has no state key"
        return (self.type, self.state_key)

    @property
    def membership(self) -> str | None:
        """``content.membership`` of an ``m.room.member``; None when absent, not a string, or another type."""
        if self.type != "m.room.member":
            return None
        value = self.content.get("membership")
        return value if isinstance(value, str) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.event_id == other.event_id

    def __hash__(self) -> int:
        return hash(self.event_id)
