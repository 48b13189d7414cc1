"""
Which event replaces another: the newest of those that may.

Spec: client-server-api#validity-of-replacement-events
"""

from collections.abc import Iterable

from homeserver.core.events import Event
from homeserver.core.relations import REPLACE, relation_of


def is_valid_edit(edit: Event, original: Event) -> bool:
    """Whether *edit*, which says so, replaces *original*."""
    if edit.room_id != original.room_id or edit.sender != original.sender or edit.type != original.type:
        return False
    if edit.is_state or original.is_state:
        return False
    relation = relation_of(original.content)
    if relation is not None and relation.rel_type == REPLACE:
        return False
    # What is encrypted has it inside.
    return edit.type == "m.room.encrypted" or isinstance(edit.content.get("m.new_content"), dict)


def newest_edit(original: Event, edits: Iterable[Event]) -> Event | None:
    """
    The edit that counts; None: none is valid.

    Spec: client-server-api#server-side-aggregation-of-mreplace-relationships
    """
    valid = [edit for edit in edits if is_valid_edit(edit, original)]
    return max(valid, key=lambda edit: (edit.origin_server_ts, edit.event_id), default=None)
