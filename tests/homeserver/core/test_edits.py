"""Tests of homeserver.core.edits."""

from unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.edits import is_valid_edit, newest_edit
from homeserver.core.events import Event
from tests.builders import ALICE, BOB, Room, a_room


def edit_of(room: Room, original: Event, text: str = "new", *, now_ms: int | None = None, **more: object) -> Event:
    content: JSONObject = {
        "body": f"* {text}",
        "m.new_content": {"body": text},
        "m.relates_to": {"rel_type": "m.replace", "event_id": original.event_id},
    }
    return room.event("m.room.message", content, now_ms=now_ms, **more)  # type: ignore[arg-type]


class EditTests(TestCase):
    def setUp(self) -> None:
        self.room = a_room().with_member(BOB)
        self.original = self.room.event("m.room.message", {"body": "old"})

    def test_what_is_valid(self) -> None:
        """The same sender, type and room, no state, and a new content."""
        edit = edit_of(self.room, self.original)
        relation: JSONObject = {"m.relates_to": {"rel_type": "m.replace", "event_id": self.original.event_id}}
        encrypted = self.room.event("m.room.encrypted", {"ciphertext": "x"})

        self.assertTrue(is_valid_edit(edit, self.original))
        self.assertTrue(is_valid_edit(self.room.event("m.room.encrypted", relation), encrypted))
        self.assertFalse(is_valid_edit(edit_of(self.room, self.original, sender=BOB), self.original))
        self.assertFalse(is_valid_edit(edit_of(self.room, self.original, state_key=""), self.original))
        self.assertFalse(is_valid_edit(edit_of(self.room, edit), edit))
        self.assertFalse(is_valid_edit(self.room.event("m.sticker", edit.pdu["content"]), self.original))  # type: ignore[arg-type]
        self.assertFalse(is_valid_edit(self.room.event("m.room.message", relation), self.original))
        self.assertFalse(is_valid_edit(edit_of(a_room(creator=BOB), self.original), self.original))

    def test_the_newest_counts(self) -> None:
        """By time, and among those of one moment by ID; what is not valid never."""
        early = edit_of(self.room, self.original, now_ms=1)
        late = [edit_of(self.room, self.original, str(number), now_ms=2) for number in range(3)]
        forged = edit_of(self.room, self.original, sender=BOB, now_ms=3)
        expected = max(late, key=lambda edit: edit.event_id)

        self.assertEqual(expected, newest_edit(self.original, [early, *late, forged]))
        self.assertEqual(early, newest_edit(self.original, [early]))
        self.assertIsNone(newest_edit(self.original, [forged]))
        self.assertEqual(ALICE, self.original.sender)
