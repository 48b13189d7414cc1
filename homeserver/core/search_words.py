"""
The words by which texts are found: the same for what is indexed and for what is asked, and on every database.

A word is a run of letters, digits and their marks, folded: ``Ćafé`` is found as ``cafe``.  Scripts that write no spaces
between words (Chinese, Japanese, Thai …) are cut into pairs of characters that overlap: ``東京都`` is ``東京 京都 都``,
and whoever looks for ``京都`` finds it as it stands.  So one character alone is the beginning of some word of the text.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from attrs import frozen

WORDS_VERSION: Final = f"1 {unicodedata.unidata_version}"
"""Where it is another, the words of a text may be others: what was indexed must be indexed anew."""

WORD_LENGTH_MAX: Final = 64
"""Of longer ones only the beginning counts."""
TERM_LENGTH_MAX: Final = 4_096
TERM_WORDS_MAX: Final = 32
"""More words of what is looked for than these are passed over."""
SURFACES_LOOKED_AT: Final = 1_000
"""Characters of a text in which is looked for how it writes a word."""

# Scripts without spaces, and Hangul, whose words end in particles.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_ASCII: Final = re.compile("[a-z0-9]+")
_ASCII_SURFACES: Final = re.compile("[A-Za-z0-9]+")
_DIACRITICS: Final = re.compile("[\u0300-\u036f]+")


@frozen
class Sought:
    """What a text must hold: *words*, one after the other; *is_prefix*: the one word is only how one begins."""

    words: tuple[str, ...]
    is_prefix: bool = False


def words_of_text(text: str) -> Iterator[str]:
    """The words by which *text* is found, in its order, as often as they stand there."""
    folded = fold(text)
    if folded.isascii():
        for match in _ASCII.finditer(folded):
            yield match[0][:WORD_LENGTH_MAX]
        return
    for match in _pattern().finditer(folded):
        run = match["run"]
        if run is None:
            yield match["word"][:WORD_LENGTH_MAX]
        else:
            yield from _pairs(run)
            yield run[-1]


def words_sought(term: str) -> tuple[Sought, ...]:
    """All of which a text must hold to be found by *term*; empty when it has no word."""
    found: dict[Sought, None] = {}
    for match in _pattern().finditer(fold(term[:TERM_LENGTH_MAX])):
        if len(found) == TERM_WORDS_MAX:
            break
        run = match["run"]
        if run is None:
            found[Sought((match["word"][:WORD_LENGTH_MAX],))] = None
        elif len(run) == 1:
            found[Sought((run,), is_prefix=True)] = None
        else:
            found[Sought(tuple(_pairs(run)))] = None
    return tuple(found)


def closeness(sought: Iterable[Sought], text: str) -> float:
    """How much of *text* is what was *sought*: from 0 to 1, where it is nothing else."""
    words = list(words_of_text(text))
    whole, beginnings = set[str](), list[str]()
    for each in sought:
        if each.is_prefix:
            beginnings += each.words
        else:
            whole.update(each.words)
    starts = tuple(beginnings)
    return sum(word in whole or word.startswith(starts) for word in words) / len(words) if words else 0.0


def surfaces(term: str, texts: Iterable[str]) -> list[str]:
    """How *term* and *texts* write the words that were looked for: what a client highlights."""
    found = dict.fromkeys(match[0] for match in _pattern().finditer(term[:TERM_LENGTH_MAX]))
    folded = {fold(surface) for surface in found}
    for text in texts:
        looked_at = text[:SURFACES_LOOKED_AT]
        pattern = _ASCII_SURFACES if looked_at.isascii() else _pattern()
        for surface in dict.fromkeys(match[0] for match in pattern.finditer(looked_at)):
            if surface not in found and fold(surface) in folded:
                found[surface] = None
    return list(found)


def fold(text: str) -> str:
    """*text* without what makes no difference: case, accents, width."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", _DIACRITICS.sub("", decomposed))


def _pairs(run: str) -> Iterator[str]:
    return (run[index : index + 2] for index in range(len(run) - 1))


@cache
def _pattern() -> "re.Pattern[str]":
    # Python's \w knows no marks, without which the words of many scripts would fall apart.
    marks = "".join(chr(code) for code in range(0x300, 0x11A00) if unicodedata.category(chr(code)) in {"Mn", "Mc"})
    return re.compile(f"(?P<run>[{_UNSPACED}]+)|(?P<word>[^\\W_{_UNSPACED}](?:[^\\W_{_UNSPACED}]|[{marks}])*)")
