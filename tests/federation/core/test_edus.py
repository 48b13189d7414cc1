"""Tests of federation/core/edus.py."""

from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from federation.core.edus import (
    DEVICE_LIST_UPDATE,
    DIRECT_TO_DEVICE,
    PRESENCE,
    RECEIPT,
    SIGNING_KEY_UPDATE,
    TYPING,
    DeviceListUpdate,
    DirectToDevice,
    Presence,
    Receipt,
    Receipts,
    SigningKeyUpdate,
    Typing,
    UnknownEdu,
    UserPresence,
    parse_edu,
    presence_edu,
    receipts_edu,
    typing_edu,
)
from homeserver.core.identifiers import DeviceID, EventID, RoomID, ServerName, UserID
from homeserver.core.malformed import Malformed

ONE = ServerName("one.example")
ALICE, BOB = UserID("@alice:one.example"), UserID("@bob:two.example")
ROOM, EVENT = RoomID("!room:one.example"), EventID("$event")


class EduTests(TestCase):
    """What servers say to each other in passing."""

    def test_what_we_say_is_understood(self) -> None:
        """Typing, receipts and presence come out as they went in."""
        typing = Typing(ROOM, ALICE, True)
        receipt = Receipt(ROOM, ALICE, EVENT, 17, "main")
        presence = UserPresence(ALICE, "online", 3, True, "here")

        self.assertEqual(typing, parse_edu(typing_edu(typing), ONE))
        self.assertEqual(Receipts((receipt,)), parse_edu(receipts_edu([receipt]), ONE))
        self.assertEqual(Presence((presence,)), parse_edu(presence_edu([presence]), ONE))

    def test_the_examples_of_the_spec_are_understood(self) -> None:
        """Device lists, signing keys and messages to devices, as their definitions show them."""
        update: dict[str, Any] = {
            "user_id": ALICE,
            "device_id": "D",
            "stream_id": 6,
            "prev_id": [5],
            "device_display_name": "Mobile",
        }
        message: dict[str, Any] = {
            "sender": ALICE,
            "type": "m.x",
            "message_id": "id",
            "messages": {BOB: {"*": {"a": 1}}},
        }

        self.assertEqual(
            DeviceListUpdate(ALICE, DeviceID("D"), 6, (5,), False, "Mobile"),
            parse_edu({"edu_type": DEVICE_LIST_UPDATE, "content": update}, ONE),
        )
        self.assertEqual(
            SigningKeyUpdate(ALICE, {"keys": {}}, None),
            parse_edu({"edu_type": SIGNING_KEY_UPDATE, "content": {"user_id": ALICE, "master_key": {"keys": {}}}}, ONE),
        )
        self.assertEqual(
            DirectToDevice(ALICE, "m.x", "id", {BOB: {"*": {"a": 1}}}),
            parse_edu({"edu_type": DIRECT_TO_DEVICE, "content": message}, ONE),
        )
        self.assertEqual(UnknownEdu("x"), parse_edu({"edu_type": "x"}, ONE))

    def test_a_server_speaks_for_its_own_users_only(self) -> None:
        """One EDU about another's user is refused; of many users the others' are left out."""
        cases: tuple[dict[str, Any], ...] = (
            typing_edu(Typing(ROOM, BOB, True)),
            {"edu_type": DEVICE_LIST_UPDATE, "content": {"user_id": BOB, "device_id": "D", "stream_id": 6}},
            {"edu_type": SIGNING_KEY_UPDATE, "content": {"user_id": BOB}},
            {
                "edu_type": DIRECT_TO_DEVICE,
                "content": {"sender": BOB, "type": "m.x", "message_id": "id", "messages": {}},
            },
        )
        for edu in cases:
            with self.subTest(edu=edu), self.assertRaises(Malformed):
                parse_edu(edu, ONE)
        own, others = Receipt(ROOM, ALICE, EVENT, 1), Receipt(ROOM, BOB, EVENT, 1)
        self.assertEqual(Receipts((own,)), parse_edu(receipts_edu([own, others]), ONE))
        here, there = UserPresence(ALICE, "online", 1), UserPresence(BOB, "online", 1)
        self.assertEqual(Presence((here,)), parse_edu(presence_edu([there, here]), ONE))

    @given(st.data())
    def test_any_content_is_read_or_refused(self, data: st.DataObject) -> None:
        """Whatever type a value has where another is meant, the answer is Malformed and nothing else."""
        good: dict[str, dict[str, Any]] = {
            TYPING: {"room_id": ROOM, "user_id": ALICE, "typing": True},
            RECEIPT: {ROOM: {"m.read": {ALICE: {"event_ids": [EVENT], "data": {"ts": 1}}}}},
            PRESENCE: {"push": [{"user_id": ALICE, "presence": "online", "last_active_ago": 1}]},
            DEVICE_LIST_UPDATE: {"user_id": ALICE, "device_id": "D", "stream_id": 1, "prev_id": [1], "keys": {}},
            SIGNING_KEY_UPDATE: {"user_id": ALICE, "master_key": {}},
            DIRECT_TO_DEVICE: {"sender": ALICE, "type": "x", "message_id": "m", "messages": {BOB: {"D": {}}}},
        }
        edu_type = data.draw(st.sampled_from(sorted(good)))
        junk: Any = data.draw(
            st.sampled_from([None, True, 1, 1.5, "x", "", [], [1], {}, {"x": 1}, {ROOM: 3}, {BOB: []}])
        )
        content = replaced(good[edu_type], junk, data)
        try:
            parse_edu({"edu_type": edu_type, "content": content}, ONE)
        except Malformed:
            return


def replaced(value: Any, junk: Any, data: st.DataObject) -> Any:
    """*value* with one part, wherever it is, replaced by *junk*."""
    if not isinstance(value, dict | list) or not value or data.draw(st.booleans()):
        return junk
    if isinstance(value, list):
        return [replaced(value[0], junk, data), *value[1:]]
    key = data.draw(st.sampled_from(sorted(value)))
    return {**value, key: replaced(value[key], junk, data)}
