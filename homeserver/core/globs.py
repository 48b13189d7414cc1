"""
Glob patterns, compiled: ``*`` is any number of characters, ``?`` exactly one.

Spec: appendices#glob-style-matching

The literals between the stars are found leftmost first and never reconsidered: with stars between them an earlier find
can only leave more room for what follows.  So the cost is at most text times longest literal, never exponential.
Case counts here; who wants none lowers both sides.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, TypeAlias

from attrs import frozen

Matcher: TypeAlias = Callable[[str], bool]

_WORD: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_WORD_EDGE: Final = "(?:(?<![A-Za-z0-9_])|(?![A-Za-z0-9_]))"


@frozen
class GlobSet:
    """Many patterns asked at once: the plain shapes cost one look-up or one comparison in C for all of them."""

    exact: frozenset[str]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    others: tuple[Matcher, ...]

    def matches(self, text: str) -> bool:
        """Whether the whole of *text* matches any of the patterns."""
        return (
            text in self.exact
            or text.endswith(self.suffixes)
            or text.startswith(self.prefixes)
            or any(matches(text) for matches in self.others)
        )


def compile_globs(patterns: Iterable[str], *, any_character: bool = True) -> GlobSet:
    """The patterns as one set.  Without *any_character*, ``?`` stands for itself."""
    exact: set[str] = set()
    prefixes: set[str] = set()
    suffixes: set[str] = set()
    others: list[Matcher] = []
    for pattern in dict.fromkeys(patterns):
        stars = pattern.count("*")
        if stars > 1 or (any_character and "?" in pattern):
            others.append(compile_glob(pattern, any_character=any_character))
        elif stars == 0:
            exact.add(pattern)
        elif pattern.endswith("*"):
            prefixes.add(pattern[:-1])
        elif pattern.startswith("*"):
            suffixes.add(pattern[1:])
        else:
            others.append(compile_glob(pattern, any_character=any_character))
    return GlobSet(frozenset(exact), tuple(sorted(prefixes)), tuple(sorted(suffixes)), tuple(others))


@lru_cache(maxsize=4096)
def compile_glob(pattern: str, *, any_character: bool = True) -> Matcher:
    """A test of whole texts.  Without *any_character*, ``?`` stands for itself."""
    if any_character and "?" in pattern:
        return _by_expression(pattern)
    first, *rest = pattern.split("*")
    if not rest:
        return pattern.__eq__
    *middle, last = rest
    return _by_finding(first, tuple(filter(None, middle)), last)


@lru_cache(maxsize=4096)
def compile_word_glob(pattern: str) -> Matcher:
    """
    A test whether some part of a text matches that starts and ends at a word boundary.

    Spec: client-server-api#conditions-1
    """
    if "*" not in pattern and "?" not in pattern:
        return lambda text: contains_word(text, pattern)
    first, *rest = pattern.split("*")
    if not rest:
        return _test(f".*?{_WORD_EDGE}{_literal(first)}{_WORD_EDGE}")
    *middle, last = rest
    start = f"(?>.*?{_WORD_EDGE}{_literal(first)})"
    between = "".join(f"(?>.*?{_literal(part)})" for part in middle if part)
    return _test(f"{start}{between}.*?{_literal(last)}{_WORD_EDGE}")


def contains_word(text: str, word: str) -> bool:
    """Whether *word* stands in *text* between word boundaries; the letters of words are ``A-Za-z0-9_`` alone."""
    at = text.find(word)
    while at >= 0:
        if _is_word_edge(text, at) and _is_word_edge(text, at + len(word)):
            return True
        at = text.find(word, at + 1)
    return False


def _is_word_edge(text: str, at: int) -> bool:
    return at in (0, len(text)) or text[at - 1] not in _WORD or text[at] not in _WORD


def _by_finding(first: str, middle: tuple[str, ...], last: str) -> Matcher:
    characters_min = len(first) + len(last)

    def matches(text: str) -> bool:
        if len(text) < characters_min or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return matches


def _by_expression(pattern: str) -> Matcher:
    first, *rest = pattern.split("*")
    if not rest:
        return _test(f"{_literal(first)}\\Z")
    *middle, last = rest
    # Atomic groups: what was found leftmost is never given back.
    between = "".join(f"(?>.*?{_literal(part)})" for part in middle if part)
    return _test(f"{_literal(first)}{between}.*{_literal(last)}\\Z")


def _literal(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)


def _test(expression: str) -> Matcher:
    match = re.compile(expression, re.DOTALL).match
    return lambda text: match(text) is not None
