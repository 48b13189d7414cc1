"""Filters, and what they let through."""

import pytest

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.filters import DEFAULT_FILTER, EVERYTHING, parse_event_filter, parse_filter
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.malformed import Malformed
from tests.builders import ALICE, BOB, a_room

ROOM = a_room(join_rule="public").with_member(BOB)
MESSAGE = ROOM.message(sender=BOB)
IMAGE = ROOM.event("m.room.message", {"msgtype": "m.image", "body": "x", "url": "mxc://a/b"}, sender=BOB)


@pytest.mark.parametrize(
    ("body", "admitted"),
    [
        ({}, True),
        ({"types": ["m.room.message"]}, True),
        ({"types": ["m.room.*"]}, True),
        ({"types": ["m.*.message"]}, True),
        ({"types": ["*"]}, True),
        ({"types": ["m.room.messag?"]}, False),
        ({"types": []}, False),
        ({"not_types": ["m.room.message"]}, False),
        ({"types": ["m.room.message"], "not_types": ["m.room.*"]}, False),
        ({"not_types": ["m.room.member"]}, True),
        ({"senders": [BOB]}, True),
        ({"senders": [ALICE]}, False),
        ({"senders": [BOB], "not_senders": [BOB]}, False),
        ({"rooms": [ROOM.room_id]}, True),
        ({"rooms": ["!other:x"]}, False),
        ({"rooms": [ROOM.room_id], "not_rooms": [ROOM.room_id]}, False),
        ({"contains_url": True}, False),
        ({"contains_url": False}, True),
        ({"limit": 3, "lazy_load_members": True}, True),
        ({"org.example.unknown": 5}, True),
        ({"types": None, "limit": None}, True),
    ],
)
def test_a_message(body: JSONObject, admitted: bool) -> None:
    """Each field by itself; what excludes wins."""
    assert parse_event_filter(body).admits(MESSAGE) is admitted


def test_urls() -> None:
    """An image is what contains_url asks for."""
    assert parse_event_filter({"contains_url": True}).admits(IMAGE)
    assert not parse_event_filter({"contains_url": False}).admits(IMAGE)


def test_relations_are_asked_apart() -> None:
    """An event is wanted when one event that relates to it fits both lists."""
    wanted = parse_event_filter({"related_by_rel_types": ["m.thread"], "related_by_senders": [ALICE]})

    assert wanted.asks_relations
    assert wanted.admits_related([("m.thread", BOB), ("m.thread", ALICE)])
    assert not wanted.admits_related([("m.thread", BOB), ("m.annotation", ALICE)])
    assert not wanted.admits_related([])
    assert EVERYTHING.admits_related([])


def test_limits() -> None:
    """The client's wish within the server's bounds."""
    assert parse_event_filter({"limit": 5}).limit_within(10, 100) == 5
    assert parse_event_filter({"limit": 5000}).limit_within(10, 100) == 100
    assert EVERYTHING.limit_within(10, 100) == 10


def test_a_whole_filter() -> None:
    """Every section is read, with its defaults."""
    parsed = parse_filter(
        {
            "event_fields": ["content.body", "type", "content"],
            "event_format": "federation",
            "presence": {"types": []},
            "account_data": {"not_types": ["m.push_rules"]},
            "room": {
                "rooms": ["!a:b"],
                "include_leave": True,
                "timeline": {"limit": 1, "unread_thread_notifications": True},
                "state": {"lazy_load_members": True, "include_redundant_members": True},
                "ephemeral": {"not_senders": [BOB]},
                "account_data": {"types": ["m.tag"]},
            },
        }
    )

    assert set(parsed.event_fields or ()) == {("type",), ("content",)}
    assert parsed.event_format == "federation"
    assert not parsed.presence.admits_type("m.presence")
    assert not parsed.account_data.admits_type("m.push_rules")
    assert parsed.room.include_leave
    assert parsed.room.rooms == frozenset({RoomID("!a:b")})
    assert parsed.room.timeline.limit == 1
    assert parsed.room.timeline.unread_thread_notifications
    assert parsed.room.state.lazy_load_members
    assert parsed.room.state.include_redundant_members
    assert not parsed.room.ephemeral.admits_sender(UserID(BOB))
    assert parsed.room.account_data.admits_type("m.tag")
    assert not parsed.room.account_data.admits_type("m.fully_read")


def test_fields() -> None:
    """The client gets what it names, and all when it names nothing."""
    event: JSONObject = {"type": "m.x", "sender": "@a:b", "content": {"body": "x", "m.y": 1}}

    assert parse_filter({"event_fields": ["type", r"content.m\.y"]}).keep_fields(event) == {
        "type": "m.x",
        "content": {"m.y": 1},
    }
    assert DEFAULT_FILTER.keep_fields(event) is event


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], ""),
        ("filter", ""),
        ({"room": []}, "room"),
        ({"room": {"timeline": 1}}, "room.timeline"),
        ({"room": {"timeline": {"limit": -1}}}, "room.timeline.limit"),
        ({"room": {"timeline": {"limit": 1.5}}}, "room.timeline.limit"),
        ({"room": {"timeline": {"limit": True}}}, "room.timeline.limit"),
        ({"room": {"timeline": {"types": "m.x"}}}, "room.timeline.types"),
        ({"room": {"state": {"not_types": [1]}}}, "room.state.not_types"),
        ({"room": {"state": {"senders": ["bob"]}}}, "room.state.senders"),
        ({"room": {"rooms": ["#a:b"]}}, "room.rooms"),
        ({"room": {"include_leave": "yes"}}, "room.include_leave"),
        ({"room": {"state": {"lazy_load_members": 1}}}, "room.state.lazy_load_members"),
        ({"presence": {"contains_url": "x"}}, "presence.contains_url"),
        ({"event_format": "xml"}, "event_format"),
        ({"event_format": ["client"]}, "event_format"),
        ({"event_fields": "content"}, "event_fields"),
    ],
)
def test_malformed(body: JSON, path: str) -> None:
    """A wrong type is refused, and the refusal says where it stands."""
    with pytest.raises(Malformed) as refusal:
        parse_filter(body)

    assert refusal.value.path == path
    assert refusal.value.code == "M_BAD_JSON"
