"""
Binary values in JSON: base64 without padding.

Spec: appendices#unpadded-base64
"""

import binascii
from typing import Final

from homeserver.core.malformed import Malformed

_TO_STANDARD: Final = str.maketrans("-_", "+/")
_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def encode_base64(octets: bytes) -> str:
    """The standard alphabet, unpadded."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").decode("ascii")


def encode_base64_url(octets: bytes) -> str:
    """The URL-safe alphabet, unpadded.  Spec: appendices#url-safe-unpadded-base64"""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").translate(_TO_URL_SAFE).decode("ascii")


def parse_base64(text: object) -> bytes:
    """
    The octets of *text* in the standard alphabet, with or without padding.

    One value has one form here: bits left over in the last character must be zero, so nobody can alter a signed text
    and have it pass.  Raises Malformed.
    """
    if not isinstance(text, str):
        raise Malformed("Base64 must be a string.")
    bare = text.rstrip("=")
    try:
        octets = binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
    except (binascii.Error, ValueError) as error:  # ValueError: characters outside ASCII
        raise Malformed("This is not base64.") from error
    if encode_base64(octets) != bare:
        raise Malformed("This is not base64.")
    return octets


def parse_any_base64(text: object) -> bytes:
    """The octets of *text* in either alphabet: old keys of identity servers come in both.  Raises Malformed."""
    return parse_base64(text.translate(_TO_STANDARD) if isinstance(text, str) else text)
