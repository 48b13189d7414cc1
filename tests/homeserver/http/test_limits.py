"""Operations fall under the limits that they should."""

from unittest import TestCase

from homeserver.http.limits import KINDS, kind_of
from homeserver.http.spec import CLIENT, SERVER


class KindTests(TestCase):
    def test_the_operations_that_are_named_exist(self) -> None:
        """A misspelled one would be unlimited."""
        self.assertEqual([], [id_ for ids in KINDS.values() for id_ in ids if id_ not in CLIENT])

    def test_what_the_spec_marks_is_limited(self) -> None:
        """Every such operation of clients."""
        self.assertEqual([], [row.id for row in CLIENT.values() if row.rate_limited and kind_of(row) is None])

    def test_kinds(self) -> None:
        """Sending is, reading is not, and servers are limited elsewhere."""
        self.assertEqual("send", kind_of(CLIENT["sendMessage"]))
        self.assertEqual("other", kind_of(CLIENT["setTyping"]))
        self.assertIsNone(kind_of(CLIENT["sync"]))
        self.assertIsNone(kind_of(SERVER["getContent"]))
