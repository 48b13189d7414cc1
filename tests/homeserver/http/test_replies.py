"""What endpoints answer becomes bytes."""

from io import BytesIO
from unittest import TestCase

import orjson
from attrs import field, frozen

from homeserver.core.identifiers import UserID
from homeserver.http.bodies import json_key
from homeserver.http.replies import Content, Empty, Raw, Redirect, Status, answer_of


@frozen
class Part:
    user_id: UserID
    avatar: str | None = None


@frozen
class Whole:
    parts: tuple[Part, ...]
    from_: str
    related: int | None = field(default=None, metadata=json_key("m.related"))
    tags: frozenset[str] = frozenset()


class AnswerTests(TestCase):
    def test_values_are_written_without_what_is_none(self) -> None:
        """Keys are named as in bodies; sets are sorted lists."""
        whole = Whole((Part(UserID("@a:b")),), "here", 0, frozenset({"z", "a"}))

        self.assertEqual(
            {"parts": [{"user_id": "@a:b"}], "from": "here", "m.related": 0, "tags": ["a", "z"]},
            orjson.loads(answer_of(whole).body),
        )

    def test_serialized_parts_are_spliced(self) -> None:
        """An event is serialized once, and goes into every response as it is."""
        self.assertEqual(b'{"chunk":[{"a": 1}]}', answer_of({"chunk": [orjson.Fragment(b'{"a": 1}')]}).body)

    def test_none_in_a_dict_stays(self) -> None:
        """A dict says exactly what it says."""
        self.assertEqual(b'{"a":null}', answer_of({"a": None}).body)

    def test_the_other_kinds(self) -> None:
        """Each has its status, body and headers."""
        self.assertEqual((200, b"{}"), (answer_of(Empty()).code, answer_of(Empty()).body))
        self.assertEqual(b"[1]", answer_of(Raw(b"[1]")).body)
        self.assertEqual((201, b"[]"), (answer_of(Status(201, [])).code, answer_of(Status(201, [])).body))
        self.assertEqual(((b"Location", b"/there"),), answer_of(Redirect("/there")).headers)
        content = Content("text/plain", (BytesIO(b"x"),), 1)
        self.assertIs(content, answer_of(content).stream)
