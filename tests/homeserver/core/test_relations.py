"""Relations that events state."""

import pytest

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID
from homeserver.core.relations import Relation, relation_of


def test_a_thread() -> None:
    """An event in a thread names the root, and says whether its reply is a stand-in."""
    relates_to: JSONObject = {
        "rel_type": "m.thread",
        "event_id": "$root",
        "m.in_reply_to": {"event_id": "$last"},
        "is_falling_back": True,
    }
    relation = relation_of({"m.relates_to": relates_to})

    assert relation == Relation("m.thread", EventID("$root"), is_falling_back=True)
    assert relation.thread_root == "$root"


def test_an_annotation() -> None:
    """A reaction carries its key; its thread is that of its parent."""
    relation = relation_of({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$liked", "key": "👍"}})

    assert relation == Relation("m.annotation", EventID("$liked"), key="👍")
    assert relation.thread_root is None


def test_a_reply_is_no_relation() -> None:
    """Rich replies have no rel_type."""
    content: JSONObject = {"m.relates_to": {"m.in_reply_to": {"event_id": "$asked"}}}

    assert relation_of(content) is None


@pytest.mark.parametrize(
    "relates_to",
    [None, 3, "m.thread", [], {}, {"rel_type": "m.thread"}, {"event_id": "$a"}, {"rel_type": 1, "event_id": "$a"},
     {"rel_type": "m.thread", "event_id": 1}, {"rel_type": "m.thread", "event_id": "a"},
     {"rel_type": "", "event_id": "$a"}, {"m.in_reply_to": 5}, {"m.in_reply_to": {"event_id": 5}},
     {"rel_type": "m.thread", "event_id": "$" + "a" * 300}],
)  # fmt: skip
def test_what_breaks_the_schema_is_ignored(relates_to: JSONObject) -> None:
    """A malformed relation is no relation, and no error."""
    assert relation_of({"m.relates_to": relates_to}) is None
