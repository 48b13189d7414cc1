"""Paths to properties, split and followed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.canonical import JSONObject
from homeserver.core.property_paths import ABSENT, keep_properties, property_at, split_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("content.body", ("content", "body")),
        (r"content.m\.relates_to", ("content", "m.relates_to")),
        (r"content.m\\foo", ("content", "m\\foo")),
        (r"content.m\\.foo", ("content", "m\\", "foo")),
        (r"content.\x", ("content", "\\x")),
        ("", ("",)),
        (".", ("", "")),
        ("a.", ("a", "")),
        ("a\\", ("a\\",)),
    ],
)
def test_splitting(text: str, path: tuple[str, ...]) -> None:
    """The examples of the spec, and the ends."""
    assert split_path(text) == path


@given(st.lists(st.text(alphabet="a.\\b\n"), min_size=1))
def test_escaped_names_come_back(names: list[str]) -> None:
    """Any names, escaped and joined with dots, are split into themselves."""
    escaped = (name.replace("\\", "\\\\").replace(".", "\\.") for name in names)

    assert split_path(".".join(escaped)) == tuple(names)


def test_following() -> None:
    """Objects are followed, arrays and absent names are not; null is a value."""
    event: JSONObject = {"content": {"a": {"b": None}, "list": [{"c": 1}]}}

    assert property_at(event, ("content", "a", "b")) is None
    assert property_at(event, ("content", "a", "c")) is ABSENT
    assert property_at(event, ("content", "list", "c")) is ABSENT
    assert property_at(event, ("content", "a", "b", "c")) is ABSENT


def test_keeping() -> None:
    """What is kept stands where it stood."""
    event: JSONObject = {"type": "m.x", "content": {"a": 1, "b": {"c": 2, "d": 3}}, "sender": "@a:b"}

    assert keep_properties(event, (("type",), ("content", "b", "c"), ("content", "z"))) == {
        "type": "m.x",
        "content": {"b": {"c": 2}},
    }
