"""Canonical JSON, and strict parsing."""

from typing import Any

import canonicaljson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.canonical import (
    DEPTH_MAX,
    INTEGER_MAX,
    INTEGER_MIN,
    check_canonical,
    encode_canonical,
    encode_legacy,
    parse_json,
    parse_json_object,
)
from homeserver.core.malformed import Malformed
from tests import stories

EXAMPLES = stories.read("spec/canonical_json.json")["examples"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(INTEGER_MIN, INTEGER_MAX) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30)
few_values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(texts, scalars, max_size=2)
"""Quicker to make: for tests that look at many fields rather than at JSON itself."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_spec(example: dict[str, str]) -> None:
    """What the spec gives comes out as the spec wants it."""
    assert encode_canonical(parse_json(example["given"].encode())) == example["canonical"].encode()


@given(values)
def test_as_the_reference_library(value: object) -> None:
    """Our canonical JSON is that of the reference library to the last byte."""
    check_canonical(value)

    assert encode_canonical(value) == canonicaljson.encode_canonical_json(value)


@given(values)
def test_parsing_takes_encoding_back(value: object) -> None:
    """What is encoded and parsed again is what it was."""
    assert parse_json(encode_canonical(value)) == value


@given(values)
def test_encoding_is_stable(value: object) -> None:
    """Canonical JSON has one form: encoding what was parsed changes nothing."""
    once = encode_canonical(value)

    assert encode_canonical(parse_json(once)) == once


@given(st.dictionaries(texts, values | st.floats(allow_nan=False, allow_infinity=False) | st.integers()))
def test_early_rooms_hold_any_number(value: object) -> None:
    """Until v5 events may hold floats and great integers, written as the reference library writes them."""
    assert encode_legacy(value) == canonicaljson.encode_canonical_json(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b": [0, 1.5]}}, "a.b[1]"),
        ({"a": 1e10}, "a"),
        ({"a": INTEGER_MAX + 1}, "a"),
        ({"a": [INTEGER_MIN - 1]}, "a[0]"),
        ({"a": {"b": -0.0}}, "a.b"),
    ],
)
def test_canonical_json_has_small_integers_only(value: Any, path: str) -> None:
    """Floats, even whole ones, and great integers are refused where they stand."""
    with pytest.raises(Malformed) as refusal:
        check_canonical(value)

    assert refusal.value.path == path
    assert refusal.value.code == "M_BAD_JSON"


def test_the_greatest_integers_pass() -> None:
    """The ends of the range belong to it."""
    check_canonical({"a": INTEGER_MAX, "b": INTEGER_MIN})


@pytest.mark.parametrize("text", [b"{", b"", b"nan", b'{"a":NaN}', b'"\xff"', b'"\\ud800"', b"{'a':1}", b"[1,]"])
def test_what_is_not_json(text: bytes) -> None:
    """What is no JSON, or no UTF-8, or holds half a surrogate pair, is refused with M_NOT_JSON."""
    with pytest.raises(Malformed) as refusal:
        parse_json(text)

    assert refusal.value.code == "M_NOT_JSON"


def test_nesting_has_an_end() -> None:
    """So deep and no deeper, be it arrays or objects."""
    deepest = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    parse_json(deepest)

    for deeper in (b"[" + deepest + b"]", b'{"a":' + deepest + b"}", b"[" * 5000 + b"]" * 5000):
        with pytest.raises(Malformed):
            parse_json(deeper)


def test_brackets_in_breadth_are_no_depth() -> None:
    """Many brackets beside one another nest no deeper."""
    parse_json(b"[" + b",".join([b"[]"] * 1000) + b"]")


def test_brackets_in_strings_are_no_depth() -> None:
    """Brackets in strings do not count at all."""
    parse_json(b'["' + b"[" * 1000 + b'"]')


def test_no_canonical_form() -> None:
    """What no JSON text could have brought is refused, not written wrongly."""
    for value in ({"a": "\ud800"}, {"a": 2**64}, {1: 2}, {"a": {1, 2}}):
        with pytest.raises(Malformed):
            encode_canonical(value)
    with pytest.raises(Malformed):
        encode_legacy({"a": float("nan")})


def test_an_empty_body_is_an_empty_object() -> None:
    """Clients leave out the body where all of it is optional; other values than objects are refused."""
    assert parse_json_object(b"") == {}
    with pytest.raises(Malformed):
        parse_json_object(b"[]")
