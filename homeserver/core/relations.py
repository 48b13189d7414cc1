"""
What an event says of its relation to another.

Spec: client-server-api#forming-relationships-between-events
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import EventID, parse_event_id
from homeserver.core.malformed import Malformed

THREAD: Final = "m.thread"
REPLACE: Final = "m.replace"
ANNOTATION: Final = "m.annotation"
REFERENCE: Final = "m.reference"

MAIN_THREAD: Final = "main"
"""The thread ID of what is in no thread.  Spec: client-server-api#threaded-read-receipts"""
THREAD_HOPS_MAX: Final = 3
"""How many relations are followed from an event to find the thread it is part of."""


@frozen
class Relation:
    """``m.relates_to``: *event_id* is the parent."""

    rel_type: str
    event_id: EventID
    key: str | None = None
    """What an annotation says."""
    is_falling_back: bool = False
    """The reply in a thread is there for clients without threads."""

    @property
    def thread_root(self) -> EventID | None:
        """The root of the thread that the event is in by itself; None when its parent must be asked."""
        return self.event_id if self.rel_type == THREAD else None


def relation_of(content: Mapping[str, JSON]) -> Relation | None:
    """
    The relation that the content of an event states; None when there is none, or none that fits the schema: such are
    ignored.
    """
    relates_to = content.get("m.relates_to")
    if not isinstance(relates_to, dict):
        return None
    rel_type, key = relates_to.get("rel_type"), relates_to.get("key")
    event_id = _event_id_of(relates_to.get("event_id"))
    if not isinstance(rel_type, str) or not rel_type or event_id is None:
        return None
    return Relation(
        rel_type,
        event_id,
        key if isinstance(key, str) else None,
        relates_to.get("is_falling_back") is True,
    )


def _event_id_of(value: JSON) -> EventID | None:
    try:
        return parse_event_id(value)
    except Malformed:
        return None
