"""Texts of paths and queries become values, or are refused."""

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.canonical import INTEGER_MAX
from homeserver.core.identifiers import DeviceID, EventID, RoomAlias, RoomID, ServerName, UserID
from homeserver.core.malformed import Malformed
from homeserver.http.parameters import item_of, parser_of


class Color(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "", ""),
        (int, "-12", -12),
        (int, str(INTEGER_MAX), INTEGER_MAX),
        (bool, "true", True),
        (bool, "false", False),
        (UserID, "@a:b", "@a:b"),
        (RoomID | RoomAlias, "#a:b", "#a:b"),
        (RoomID | RoomAlias, "!a", "!a"),
        (RoomID | None, "!a:b", "!a:b"),
        (Literal["b", "f"], "f", "f"),
        (Color, "red", Color.RED),
        (Annotated[int, len], "four", 4),
    ],
)
def test_good_texts_become_values(annotation: Any, text: str, value: object) -> None:
    """Each type that a signature may name has its parser."""
    assert parser_of(annotation)(text) == value


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str, "a\0b"),
        (str, "x" * 10_000),
        (int, ""),
        (int, "1.0"),
        (int, " 1"),
        (int, "1_000"),
        (int, "--1"),
        (int, "٣"),
        (int, str(INTEGER_MAX + 1)),
        (int, "9" * 5000),
        (bool, "True"),
        (bool, "1"),
        (UserID, "a"),
        (RoomID, "#a:b"),
        (EventID, ""),
        (ServerName, "a b"),
        (DeviceID, ""),
        (DeviceID, "a\0"),
        (Literal["b", "f"], "x"),
        (Color, "RED"),
    ],
)
def test_bad_texts_are_invalid_parameters(annotation: Any, text: str) -> None:
    """They are refused with the spec's code, never coerced."""
    with pytest.raises(Malformed) as caught:
        parser_of(annotation)(text)

    assert caught.value.code == "M_INVALID_PARAM"


@given(text=st.text())
def test_any_text_is_an_integer_or_malformed(text: str) -> None:
    """Whatever comes in, nothing but Malformed comes out."""
    try:
        value = parser_of(int)(text)
    except Malformed:
        return

    assert str(value) == text.lstrip("-0").rjust(1, "0") or int(text) == value


def test_what_cannot_be_parsed_is_known_at_import() -> None:
    """A signature with another type is wrong."""
    with pytest.raises(TypeError):
        parser_of(dict[str, int])


def test_lists_are_told_from_single_values() -> None:
    """Only lists and tuples of any length are repeated."""
    assert item_of(list[ServerName]) is ServerName
    assert item_of(tuple[str, ...]) is str
    assert item_of(str) is None
