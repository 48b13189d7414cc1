"""
How users are found by what they are called: the words of their names, as they are looked up and as they are kept.

Case, width and the accents of Latin letters do not count.  A word is found by its beginning; in scripts that are
written without spaces, by any part of it.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.identifiers import UserID, localpart_of

WORDS_MAX: Final = 8
"""Of what is searched for; more are passed over."""
TERMS_MAX: Final = 64
"""Kept of one user."""
TERM_LENGTH_MAX: Final = 64
TERM_LENGTH_SEARCHED_MAX: Final = 1_000
"""Of the whole text that is searched for."""

Rank: TypeAlias = tuple[bool, bool, bool, bool, bool, UserID]

# Scripts without spaces between words: Thai to Khmer, Kana, Han and its extensions, Hangul.
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1100, 0x11FF),
    (0x1780, 0x17FF),
    (0x2E80, 0x2FDF),
    (0x3040, 0x30FF),
    (0x3100, 0x318F),
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_ACCENTS: Final = range(0x0300, 0x0370)


@frozen
class DirectoryEntry:
    """A user as the directory shows them."""

    user_id: UserID
    display_name: str | None = None
    avatar_url: str | None = None


def folded(text: str) -> str:
    """*text* without what does not count."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(character for character in decomposed if ord(character) not in _ACCENTS)
    return unicodedata.normalize("NFKC", bare)


def words_of(text: str) -> list[str]:
    """The words of a text that is searched for, each once, the longest first; what is no letter or digit parts them."""
    words = {word[:TERM_LENGTH_MAX] for word in _words(folded(text[:TERM_LENGTH_SEARCHED_MAX]))}
    return sorted(words, key=lambda word: (-len(word), word))[:WORDS_MAX]


def terms_of(entry: DirectoryEntry) -> list[str]:
    """The terms by whose beginnings the user is found."""
    terms: dict[str, None] = {}
    for text in (entry.display_name or "", entry.user_id):
        for word in _words(folded(text[:TERM_LENGTH_SEARCHED_MAX])):
            starts = range(len(word)) if _is_unspaced(word[0]) else range(1)
            terms.update((word[start : start + TERM_LENGTH_MAX], None) for start in starts)
    return list(terms)[:TERMS_MAX]


def rank_of(entry: DirectoryEntry, term: str) -> Rank:
    """What orders the users who are found by *term*, the best first."""
    wanted, name = folded(term.strip()), folded(entry.display_name or "")
    localpart = folded(localpart_of(entry.user_id))
    bare = wanted.removeprefix("@")
    return (
        folded(entry.user_id) != wanted,
        wanted != name and bare != localpart,
        not (name.startswith(wanted) or localpart.startswith(bare)),
        entry.display_name is None,
        entry.avatar_url is None,
        entry.user_id,
    )


def _words(text: str) -> Iterator[str]:
    """Runs of letters and digits, each of scripts of one kind."""
    word, kind = "", False
    for character in text:
        if unicodedata.category(character)[0] not in "LNM":
            if word:
                yield word
            word = ""
            continue
        unspaced = _is_unspaced(character)
        # Marks belong to the letter before them.
        if word and unspaced != kind and unicodedata.category(character)[0] != "M":
            yield word
            word = ""
        if not word:
            kind = unspaced
        word += character
    if word:
        yield word


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return code >= _UNSPACED[0][0] and any(first <= code <= last for first, last in _UNSPACED)
