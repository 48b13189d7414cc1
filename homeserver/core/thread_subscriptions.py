"""
Which threads a user wants to hear of, and where a page of changes of that ended.

Spec: proposals/4306
"""

import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import Position
from homeserver.core.malformed import Malformed

_TOKEN: Final = re.compile(r"th([0-9]{1,13})\Z", re.ASCII)


@frozen
class Subscription:
    """What a user last said of a thread.  *automatic*: a client said it, because of an event."""

    room_id: RoomID
    thread_id: EventID
    subscribed: bool
    automatic: bool
    position: Position


def subscriptions_json(changes: Iterable[Subscription]) -> JSONObject:
    """The changes as clients page through them.  Spec: proposals/4306"""
    parts: dict[str, dict[str, JSONObject]] = {"subscribed": {}, "unsubscribed": {}}
    for change in changes:
        said: JSONObject = {"bump_stamp": change.position}
        if change.subscribed:
            said["automatic"] = change.automatic
        part = parts["subscribed" if change.subscribed else "unsubscribed"]
        part.setdefault(change.room_id, {})[change.thread_id] = said
    return {name: dict(part) for name, part in parts.items() if part}


def page_token(before: Position) -> str:
    """The token of the changes at and before a position."""
    return f"th{before}"


def parse_page_token(text: str) -> Position:
    """What ``page_token`` wrote.  Raises Malformed."""
    match = _TOKEN.match(text)
    if match is None:
        raise Malformed("This server gave out no such token.", "from", "M_INVALID_PARAM")
    return Position(int(match[1]))
