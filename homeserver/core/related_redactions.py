"""
Redactions that take along what relates to their target: of which relations, and whether an event has such a one.

Spec: proposals/3912
"""

from collections.abc import Collection
from typing import Final

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.edits import is_valid_edit
from homeserver.core.events import Event
from homeserver.core.malformed import Malformed
from homeserver.core.relations import ANNOTATION, REPLACE, THREAD, relation_of

NAMES: Final = ("with_rel_types", "org.matrix.msc3912.with_relations")
ANY: Final = "*"
REL_TYPES_MAX: Final = 100
REL_TYPE_LENGTH_MAX: Final = 255


def parse_rel_types(body: JSONObject) -> frozenset[str]:
    """The relation types that the body of a redaction names.  Raises Malformed."""
    return frozenset(rel_type for name in NAMES if name in body for rel_type in _parse_list(body[name], name))


def goes_along(child: Event, target: Event, target_rel_type: str | None, rel_types: Collection[str]) -> bool:
    """
    Whether *child* has a valid relation of one of *rel_types* to *target*, which is redacted.

    *target_rel_type*: how the target related to another event before that; None: to none.
    """
    relation = relation_of(child.content)
    if relation is None or relation.event_id != target.event_id or child.room_id != target.room_id:
        return False
    if relation.rel_type not in rel_types and ANY not in rel_types:
        return False
    if relation.rel_type == REPLACE:
        return target_rel_type != REPLACE and is_valid_edit(child, target)
    # Spec: client-server-api#threading
    if relation.rel_type == THREAD:
        return target_rel_type is None
    # Spec: client-server-api#event-annotations-and-reactions
    if relation.rel_type == ANNOTATION:
        return target_rel_type not in {REPLACE, ANNOTATION}
    return True


def _parse_list(value: JSON, name: str) -> list[str]:
    if not isinstance(value, list) or len(value) > REL_TYPES_MAX:
        raise Malformed(f"This must be a list of at most {REL_TYPES_MAX} relation types.", name)
    rel_types = [each for each in value if isinstance(each, str) and len(each) <= REL_TYPE_LENGTH_MAX]
    if len(rel_types) < len(value):
        raise Malformed(f"A relation type is a string of at most {REL_TYPE_LENGTH_MAX} characters.", name)
    return rel_types
