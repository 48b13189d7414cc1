"""Texts as parts of the patterns of LIKE."""

from typing import Final

ESCAPE: Final = "\\"
"""What statements name after ESCAPE."""


def literally(text: str) -> str:
    """The part of a pattern that only *text* itself matches."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
