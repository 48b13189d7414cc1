"""Base64 without padding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.malformed import Malformed
from homeserver.core.unpadded_base64 import encode_base64, encode_base64_url, parse_any_base64, parse_base64


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
    ],
)
def test_the_examples_of_the_spec(octets: bytes, text: str) -> None:
    """Both ways, with padding and without."""
    assert encode_base64(octets) == text
    assert parse_base64(text) == octets
    assert parse_base64(text + "=" * (-len(text) % 4)) == octets


@given(st.binary(max_size=80))
def test_there_and_back(octets: bytes) -> None:
    """Octets survive both alphabets."""
    assert parse_base64(encode_base64(octets)) == octets
    assert parse_any_base64(encode_base64_url(octets)) == octets


def test_the_alphabets_differ() -> None:
    """The URL-safe alphabet has minus and underscore, and is no standard base64."""
    assert encode_base64(b"\xfb\xff") == "+/8"
    assert encode_base64_url(b"\xfb\xff") == "-_8"
    with pytest.raises(Malformed):
        parse_base64("-_8")


def test_bits_left_over() -> None:
    """The last character may hold bits that mean nothing, unless the text must be exact."""
    assert parse_base64("Zh") == parse_base64("Zg") == b"f"
    assert parse_base64("Zg==", exact=True) == b"f"
    with pytest.raises(Malformed):
        parse_base64("Zh", exact=True)


@pytest.mark.parametrize("text", ["A", "Z", "Z g", "Zg-", "Z-", "Zg\n", "Zg!", "é", "=Zg", "Z=g", 5, None, ["Zg"]])
def test_what_is_not_base64(text: object) -> None:
    """Other characters, other lengths and other types are refused."""
    with pytest.raises(Malformed):
        parse_base64(text)
