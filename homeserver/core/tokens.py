"""
The secrets that stand for a session, and the names that nobody chose.

A token is opaque to its holder; the server keeps its hash alone.  Randomness is an argument.
Spec: client-server-api#using-access-tokens
"""

from base64 import b32encode, urlsafe_b64encode
from hashlib import sha256
from typing import Final, NewType

from homeserver.core.identifiers import DeviceID

TokenHash = NewType("TokenHash", str)

SECRET_BYTES: Final = 24
"""Randomness in a token: 192 bits, so that none is ever guessed."""
DEVICE_ID_BYTES: Final = 6
LOCALPART_BYTES: Final = 10
REGISTRATION_TOKEN_BYTES: Final = 10

# The prefix tells a secret scanner, and whoever finds a token in a log, what it is.
_ACCESS: Final = "fma_"
_REFRESH: Final = "fmr_"
_LOGIN: Final = "fml_"
_OPENID: Final = "fmo_"


def access_token(entropy: bytes) -> str:
    """A token that authorises requests; *entropy* is SECRET_BYTES long."""
    return _ACCESS + _spelled(entropy)


def refresh_token(entropy: bytes) -> str:
    """A token that is exchanged for the next access token."""
    return _REFRESH + _spelled(entropy)


def login_token(entropy: bytes) -> str:
    """A token that logs one more client in, once."""
    return _LOGIN + _spelled(entropy)


def openid_token(entropy: bytes) -> str:
    """A token that tells another service who its holder is."""
    return _OPENID + _spelled(entropy)


def hash_of(token: str) -> TokenHash:
    """What is stored of a token.  It is random already: it needs no salt, and no slow hash."""
    return TokenHash(sha256(token.encode("utf-8", "surrogatepass")).hexdigest())


def device_id(entropy: bytes) -> DeviceID:
    """A device ID for a client that brought none: ten capital letters and digits."""
    return DeviceID(b32encode(entropy).decode().rstrip("="))


def registration_token(entropy: bytes) -> str:
    """A registration token that nobody chose: sixteen small letters and digits, good to tell over the telephone."""
    return b32encode(entropy).decode().rstrip("=").lower()


def generated_localpart(entropy: bytes) -> str:
    """A localpart for a user who chose none; hard to take for a chosen one."""
    return "u-" + b32encode(entropy).decode().rstrip("=").lower()


def _spelled(entropy: bytes) -> str:
    if len(entropy) != SECRET_BYTES:
        raise ValueError(f"A token takes {SECRET_BYTES} random bytes, not {len(entropy)}.")
    return urlsafe_b64encode(entropy).decode()
