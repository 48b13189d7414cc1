"""
Binary values in JSON: base64 without padding.

Spec: appendices#unpadded-base64
"""

import binascii
import string
from typing import Final

from homeserver.core.malformed import Malformed

_ALPHABET: Final = frozenset(string.ascii_letters + string.digits + "+/")
_TO_STANDARD: Final = str.maketrans("-_", "+/")
_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def encode_base64(octets: bytes) -> str:
    """The standard alphabet, unpadded."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").decode("ascii")


def encode_base64_url(octets: bytes) -> str:
    """The URL-safe alphabet, unpadded.  Spec: appendices#url-safe-unpadded-base64"""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").translate(_TO_URL_SAFE).decode("ascii")


def parse_base64(text: object, *, exact: bool = False) -> bytes:
    """
    The octets of *text* in the standard alphabet, with or without padding.  Raises Malformed.

    The last character may hold bits that are left over.  With *exact* they must be zero, so that one value has one text
    and nobody can alter it unnoticed.
    """
    if not isinstance(text, str):
        raise Malformed("Base64 must be a string.")
    bare = text.rstrip("=")
    try:
        octets = binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
    except ValueError as error:  # characters outside ASCII, or a length that cannot be
        raise Malformed("This is not base64.") from error
    # The decoder passes over characters of no alphabet; encoding again does not bring them back.
    again = encode_base64(octets)
    if again != bare and (exact or len(again) != len(bare) or again[:-1] != bare[:-1] or bare[-1:] not in _ALPHABET):
        raise Malformed("This is not base64.")
    return octets


def parse_any_base64(text: object) -> bytes:
    """The octets of *text* in either alphabet: old keys of identity servers come in both.  Raises Malformed."""
    return parse_base64(text.translate(_TO_STANDARD) if isinstance(text, str) else text)
