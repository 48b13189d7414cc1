"""Tests of homeserver/core/user_directory.py."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.identifiers import UserID
from homeserver.core.user_directory import TERMS_MAX, WORDS_MAX, DirectoryEntry, rank_of, terms_of, words_of

ID = UserID("@u-123:example.org")


def is_found(term: str, name: str, user_id: UserID = ID) -> bool:
    terms = terms_of(DirectoryEntry(user_id, name))
    return all(any(each.startswith(word) for each in terms) for word in words_of(term))


class FindingTests(TestCase):
    def test_what_finds_whom(self) -> None:
        """The beginnings of words, whatever their case, width or accents; of CJK names any part."""
        found = [
            ("ali", "Alice Liddell"),
            ("LIDD ali", "Alice Liddell"),
            ("jose", "José"),
            ("José", "jose"),
            ("ſtrasse", "Straße"),
            ("ＡＬＩＣＥ", "alice"),
            ("田中", "田中太郎"),
            ("太郎", "田中太郎"),
            ("中太", "田中太郎"),
            ("太郎 田中", "田中太郎"),
            ("たろう", "やまだたろう"),
            ("ﾔﾏﾀﾞ", "ヤマダ"),
            ("철수", "김철수"),
            ("acme", "田中acme支店"),
            ("支店", "田中acme支店"),
            ("Ива", "иван петров"),
            ("@u-123:example.org", "Alice"),
            ("u-1", "Alice"),
            ("o'neil", "O'Neil"),
        ]
        not_found = [("lice", "Alice"), ("bob", "Alice"), ("中田", "田中太郎"), ("alice bob", "Alice")]

        self.assertEqual([], [pair for pair in found if not is_found(*pair)])
        self.assertEqual([], [pair for pair in not_found if is_found(*pair)])

    @given(st.text(min_size=1), st.text())
    def test_bounds(self, name: str, more: str) -> None:
        """Everybody is found by the first word of their own name; neither terms nor words go without bound."""
        self.assertTrue(is_found("".join(words_of(name)[:1]), name))
        self.assertLessEqual(len(terms_of(DirectoryEntry(ID, name * 50 + more))), TERMS_MAX)
        self.assertLessEqual(len(words_of(name * 50 + more)), WORDS_MAX)

    def test_order(self) -> None:
        """Who is meant exactly, then whose name begins so, then who has a name and an avatar."""
        best_first = [
            DirectoryEntry(UserID("@ann:x.org"), "Zoe"),
            DirectoryEntry(UserID("@zz:x.org"), "ann"),
            DirectoryEntry(UserID("@yy:x.org"), "Annabel", "mxc://x/y"),
            DirectoryEntry(UserID("@bb:x.org"), "Annabel"),
            DirectoryEntry(UserID("@anna:x.org")),
            DirectoryEntry(UserID("@aa:x.org"), "Mary Ann"),
        ]

        self.assertEqual(best_first[:1], sorted(best_first, key=lambda entry: rank_of(entry, "@ann:x.org"))[:1])
        ranked = sorted(best_first[1:], key=lambda entry: rank_of(entry, "Ann"))
        self.assertEqual(best_first[1:], ranked)
