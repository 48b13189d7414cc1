"""Glob patterns against a plain reference, and against texts made to be slow."""

import re
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.globs import compile_glob, compile_globs, compile_word_glob, contains_word

PATTERNS = st.text(alphabet="ab*?_ -.", max_size=8)
TEXTS = st.text(alphabet="ab_ -.\n", max_size=14)


def _reference(pattern: str) -> str:
    return "".join(
        ".*" if character == "*" else "." if character == "?" else re.escape(character) for character in pattern
    )


@given(PATTERNS, TEXTS)
def test_whole_texts_match_as_the_backtracking_expression_says(pattern: str, text: str) -> None:
    """Finding each part leftmost gives the answer of trying everything."""
    expected = re.fullmatch(_reference(pattern), text, re.DOTALL) is not None

    assert compile_glob(pattern)(text) is expected


@given(PATTERNS, TEXTS)
def test_words_match_as_trying_every_part_says(pattern: str, text: str) -> None:
    """A part matches that starts and ends at word boundaries: all parts of the text are tried."""
    expression = re.compile(_reference(pattern), re.DOTALL)

    def is_edge(at: int) -> bool:
        return at in (0, len(text)) or not (text[at - 1].isalnum() or text[at - 1] == "_") or text[at] in " -.\n"

    expected = any(
        expression.fullmatch(text, start, end) is not None
        for start in range(len(text) + 1)
        for end in range(start, len(text) + 1)
        if is_edge(start) and is_edge(end)
    )

    assert compile_word_glob(pattern)(text) is expected


@given(st.lists(PATTERNS, max_size=5), TEXTS)
def test_a_set_matches_when_one_of_its_patterns_does(patterns: list[str], text: str) -> None:
    """The sorting of patterns by shape changes no answer."""
    assert compile_globs(patterns).matches(text) is any(compile_glob(pattern)(text) for pattern in patterns)


@given(st.lists(PATTERNS, max_size=5), TEXTS)
def test_a_set_can_take_question_marks_for_themselves(patterns: list[str], text: str) -> None:
    """Filters know ``*`` alone."""
    expected = any(re.fullmatch(_reference(pattern), text, re.DOTALL) for pattern in patterns if "?" not in pattern)

    assert compile_globs(patterns, any_character=False).matches(text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("ex*ple", "An example event.", True),
        ("ex*ple", "exple", True),
        ("ex*ple", "An exciting triple-whammy", True),
        ("ex*ple", "An examples event", False),
        ("cake", "cake", True),
        ("cake", "a CAKE".lower(), True),
        ("cake", "cakes", False),
        ("cake", "piece_of_cake", False),
        ("cake*lie", "the cake is a lie.", True),
        ("@room", "hello @room!", True),
        ("", "anything", True),
    ],
)
def test_words_of_a_body(pattern: str, text: str, matches: bool) -> None:
    """The examples of the spec, and their edges."""
    assert compile_word_glob(pattern)(text) is matches


def test_letters_outside_ascii_bound_words() -> None:
    """The spec names the letters of words, and they are ASCII."""
    assert contains_word("éalice", "alice")
    assert not contains_word("xalice", "alice")


@pytest.mark.parametrize("pattern", ["*a" * 200 + "*b", "a*" * 200 + "b", "?a*" * 100 + "b"])
def test_hostile_patterns_cost_no_more_than_long_ones(pattern: str) -> None:
    """What takes a backtracking matcher forever is answered at once."""
    text = "a" * 60_000
    start = perf_counter()

    assert not compile_glob(pattern)(text)
    assert not compile_word_glob(pattern)(text)
    assert perf_counter() - start < 5
