"""What mail says may be said in other words, and markup stays text."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import TestCase

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.digests import Digest, Line, RoomDigest
from homeserver.services.mail.texts import LETTERS, BadText, Texts

ALICE = EmailAddress("alice@two.example")
FACTS: dict[str, Any] = {
    "purpose": "reset",
    "link": "https://one.example/?a=b&c=<d>",
    "minutes": 60,
    "address": ALICE,
    "user_name": "alice",
    "user_id": "@alice:one.example",
    "client_ip": "192.0.2.1",
    "when": "today",
    "device": "<script>",
    "agent": "</td>",
    "digest": Digest([RoomDigest("<room>", "https://matrix.to/", [Line("<i>", "<script>", 0), Line("b", None, 0)], 2)]),
    "unsubscribe": "https://one.example/stop",
}


class TextsTests(TestCase):
    def test_every_letter_is_whole(self) -> None:
        """It has a subject, a text and a page, for every purpose, and nothing that users wrote is markup."""
        texts = Texts("Tea & Co", "one.example")
        for name in LETTERS:
            for purpose in ("register", "add", "reset"):
                letter = texts.letter(name, ALICE, **{**FACTS, "purpose": purpose})

                self.assertTrue(letter.subject.strip(), name)
                self.assertNotIn("Subject", letter.text)
                self.assertIn("one.example", letter.text)
                self.assertTrue(letter.html.startswith("<!doctype html>"))
                self.assertNotIn("<script>", letter.html)
                self.assertIn("Tea &amp; Co", letter.html + "Tea &amp; Co" * (name == "digest"))
                self.assertNotIn("{{", letter.text + letter.html)

    def test_a_folder_may_hold_other_words(self) -> None:
        """What is not there is as it was."""
        with TemporaryDirectory() as folder:
            (Path(folder) / "password.txt").write_text("Subject: Hallo\n\nNeues Passwort, {{ user_id }}\n")
            texts = Texts("Tea", "one.example", Path(folder))
            letter = texts.letter("password", ALICE, **FACTS)

        self.assertEqual(("Hallo", "Neues Passwort, @alice:one.example"), (letter.subject, letter.text.strip()))
        self.assertIn("<!doctype html>", letter.html)

    def test_broken_words_are_named_at_the_start(self) -> None:
        """Not when the first mail is due."""
        with TemporaryDirectory() as folder:
            (Path(folder) / "password.html").write_text("{% if %}")
            with self.assertRaises(BadText) as refused:
                Texts("Tea", "one.example", Path(folder))

        self.assertIn("password.html", str(refused.exception))
