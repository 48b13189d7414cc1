"""
Who comes into a room that took the place of another finds there what they kept about the other: tags, direct chats and
push rules.

Spec: client-server-api#room-upgrades
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from attrs import frozen

from homeserver.core.account_data import TAG
from homeserver.core.auth_events import CREATE
from homeserver.core.canonical import JSONObject, encode_json, load_json, parse_json_object
from homeserver.core.events import StateKey
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import Position
from homeserver.core.room_inheritance import (
    inherited_direct_chats,
    inherited_push_rules,
    predecessor_of,
    successor_of,
)
from homeserver.core.timeline import Status, TimelineEvent, position_of
from homeserver.services.account_data import GLOBAL, write_account_data
from homeserver.services.companions import Beside
from homeserver.services.push_rules import write_push_rules
from homeserver.store import account_data, events, memberships, rooms, state
from homeserver.store.write import Write

DIRECT: Final = "m.direct"
HEIRS_MAX: Final = 200
"""Members that were in the new room before the old one said that it is over; they are seen to in one write."""

_TOMBSTONE: Final[StateKey] = ("m.room.tombstone", "")


@frozen
class Inheriting:
    """
    Companion of the events' writes.

    Both rooms must name each other: a room that claims to take another's place is not believed.
    """

    server: ServerName

    def beside(self, entry: TimelineEvent) -> Beside | None:
        """What is written with a local user's join, or with the end of a room."""
        event = entry.event
        if event.state_key is None or entry.status is not Status.ACCEPTED:
            return None
        if event.membership == "join":
            return _inherit if server_of(UserID(event.state_key)) == self.server else None
        return _bequeath if event.key == _TOMBSTONE else None


def _inherit(tx: Write, room_nid: int, join: TimelineEvent) -> None:
    predecessor = predecessor_of(_content(tx, room_nid, CREATE))
    old = None if predecessor is None else rooms.by_id(tx.connection, predecessor)
    if old is None or join.ordering is None:
        return
    user_id, room_id = UserID(join.event.state_key or ""), join.event.room_id
    before = Position(position_of(join.ordering) - 1)
    if state.membership_as_of(tx.connection, room_nid, user_id, before) == "join":
        # The profile has changed.
        return
    if successor_of(_content(tx, old.nid, _TOMBSTONE)) == room_id:
        _pass_on(tx, old.nid, old.room_id, room_id, [user_id])


def _bequeath(tx: Write, room_nid: int, tombstone: TimelineEvent) -> None:
    """To those who are in the new room already, as who made it is."""
    old = tombstone.event.room_id
    successor = successor_of(_content(tx, room_nid, _TOMBSTONE))
    new = None if successor is None else rooms.by_id(tx.connection, successor)
    if new is not None and predecessor_of(_content(tx, new.nid, CREATE)) == old:
        heirs = islice(memberships.joined(tx.connection, new.nid), HEIRS_MAX)
        _pass_on(tx, room_nid, old, new.room_id, heirs)


def _pass_on(tx: Write, old_nid: int, old: RoomID, new: RoomID, user_ids: Iterable[UserID]) -> None:
    for row in memberships.of_users(tx.connection, old_nid, user_ids):
        if row.membership in {"join", "leave"} and not row.forgotten:
            _pass_on_data(tx, row.user_id, old, new)
            write_push_rules(tx, row.user_id, lambda rules: inherited_push_rules(rules, old, new))


def _pass_on_data(tx: Write, user_id: UserID, old: RoomID, new: RoomID) -> None:
    tags = account_data.content(tx.connection, user_id, old, TAG)
    if tags is not None and account_data.content(tx.connection, user_id, new, TAG) is None:
        write_account_data(tx, user_id, new, TAG, tags)
    direct = account_data.content(tx.connection, user_id, GLOBAL, DIRECT)
    changed = None if direct is None else inherited_direct_chats(parse_json_object(direct.encode()), old, new)
    if changed is not None:
        write_account_data(tx, user_id, GLOBAL, DIRECT, encode_json(changed).decode())


def _content(tx: Write, room_nid: int, key: StateKey) -> JSONObject:
    """The content of the room's current state event; empty: there is none."""
    nid = state.entry_as_of(tx.connection, room_nid, key, state.NOW)
    stored = None if nid is None else events.by_nid(tx.connection, nid)
    content = {} if stored is None else load_json(stored.pdu).get("content")
    return content if isinstance(content, dict) else {}
