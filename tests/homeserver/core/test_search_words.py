"""Tests of homeserver/core/search_words.py."""

import re
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.search_words import WORD_LENGTH_MAX, fold, surfaces, words_of_text, words_sought

TEXTS = st.text(st.characters() | st.sampled_from("aé Éß東京都のカ'\"\\&|!:*()-_ हिสวัم"), max_size=60)


class WordTests(TestCase):
    def test_examples(self) -> None:
        """Case, accents and width make no difference; scripts without spaces are cut into pairs."""
        for text, expected in (
            ("Don't foo_bar 1,000", ["don", "t", "foo", "bar", "1", "000"]),
            ("Ćafé STRASSE straße", ["cafe", "strasse", "strasse"]),
            ("İstanbul ﬁn ＦＵＬＬ", ["istanbul", "fin", "full"]),
            ("iPhone手机", ["iphone", "手机", "机"]),
            ("東京都", ["東京", "京都", "都"]),
            ("ﾊﾝ カ゛", ["ハン", "ン", "カ"]),
            ("हिन्दी", ["हिन्दी"]),
            ("… — !", []),
            ("", []),
        ):
            self.assertEqual(expected, list(words_of_text(text)), text)

    @given(TEXTS)
    def test_words_are_plain(self, text: str) -> None:
        """No word has in it what means something to a database's own language of queries."""
        for word in words_of_text(text):
            self.assertTrue(0 < len(word) <= WORD_LENGTH_MAX)
            self.assertIsNone(re.search(r"[\s'\"\\&|!:*()<>\x00-\x2f]", word), word)

    @given(TEXTS)
    def test_a_text_is_found_by_itself(self, text: str) -> None:
        """Whatever is looked for stands in the text that it was taken from, word after word."""
        words = list(words_of_text(text))
        for sought in words_sought(text):
            size = len(sought.words)
            starts = [index for index in range(len(words)) if tuple(words[index : index + size]) == sought.words]
            begins = sought.is_prefix and any(word.startswith(sought.words[0]) for word in words)
            self.assertTrue(starts or begins, (sought, words))

    @given(TEXTS)
    def test_folding_twice_changes_nothing(self, text: str) -> None:
        """What is folded is folded."""
        self.assertEqual(list(words_of_text(text)), list(words_of_text(fold(text))))

    def test_surfaces(self) -> None:
        """They are as the term has them, and then as the texts do."""
        self.assertEqual(["cafe", "Café"], surfaces("cafe", ["Im Café", "das cafe, CAFES"]))
