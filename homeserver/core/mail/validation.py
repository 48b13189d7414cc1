"""
Proving that an address is one's own: mail is sent there, and who reads it follows a link.

A session is one client's attempt: an address, the client's secret, and what it is for.  Its token is derived from its
ID, so that the second mail of a session holds the same link as the first, and nothing secret is stored.

Spec: client-server-api#adding-account-administrative-contact-information
"""

import hmac
import re
from collections.abc import Collection
from enum import Enum
from hashlib import blake2b, sha256
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from homeserver.core.canonical import encode_json, parse_json_object
from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.malformed import Malformed

NEXT_LINK_CHARACTERS_MAX: Final = 2_048
SEND_ATTEMPT_MAX: Final = 1_000_000
_OPAQUE: Final = re.compile(r"[0-9a-zA-Z.=_-]{1,255}\Z")
_TOKEN_BYTES: Final = 20


class Purpose(Enum):
    """What an address is proved for; what is proved for one serves no other."""

    REGISTER = "register"
    ADD = "add"
    RESET = "reset"


@frozen
class Proven:
    """An address that was proved, and by which session: it is good for one use."""

    sid: str
    address: EmailAddress
    validated_ms: int

    def to_text(self) -> str:
        """As a stage of interactive authentication keeps it."""
        return encode_json({"sid": self.sid, "address": self.address, "validated_ms": self.validated_ms}).decode()


def parse_proven(text: str) -> Proven:
    """What ``to_text`` was of."""
    form = parse_json_object(text.encode())
    validated_ms = form["validated_ms"]
    assert isinstance(validated_ms, int), "only what was proved is kept"
    return Proven(str(form["sid"]), EmailAddress(str(form["address"])), validated_ms)


def parse_opaque(text: object, path: str) -> str:
    """A client's secret, or the ID of a session.  Raises Malformed.  Spec: appendices#opaque-identifiers"""
    if not isinstance(text, str):
        raise Malformed("This must be a string.", path)
    if _OPAQUE.match(text) is None:
        raise Malformed("This is 1 to 255 letters, digits and . = _ -", path, "M_INVALID_PARAM")
    return text


def parse_send_attempt(number: object) -> int:
    """How often a client has asked for mail.  Raises Malformed."""
    if not isinstance(number, int) or isinstance(number, bool):
        raise Malformed("This must be an integer.", "send_attempt")
    if not 0 <= number <= SEND_ATTEMPT_MAX:
        raise Malformed(f"This is 0 to {SEND_ATTEMPT_MAX}.", "send_attempt", "M_INVALID_PARAM")
    return number


def parse_next_link(text: str | None, hosts: Collection[str]) -> str | None:
    """
    Where a browser goes once the address is proved; None: nowhere.

    A link to a host that is not among *hosts* is not followed, as mail of this server must lead nobody to strangers.
    Raises Malformed for what is no link of the web.
    """
    if text is None or text == "":
        return None
    if len(text) > NEXT_LINK_CHARACTERS_MAX or not text.isprintable() or " " in text:
        raise Malformed("This is no URL.", "next_link", "M_INVALID_PARAM")
    try:
        parts = urlsplit(text)
        host, is_web = parts.hostname, parts.scheme in {"https", "http"}
    except ValueError as error:
        raise Malformed("This is no URL.", "next_link", "M_INVALID_PARAM") from error
    if not is_web or not host or "\\" in text:
        raise Malformed("This must be a URL with https:// or http://.", "next_link", "M_INVALID_PARAM")
    return text if host in {each.lower() for each in hosts} and parts.username is None else None


def secret_hash(client_secret: str) -> str:
    """What is stored of a client's secret: with the session's ID it is worth an account."""
    return sha256(client_secret.encode()).hexdigest()


def token_of(secret: bytes, sid: str) -> str:
    """What only the reader of the mail knows; *secret*: the server's."""
    return _keyed(secret, sid, b"folkmoot-mail")


def is_token_of(secret: bytes, sid: str, token: str) -> bool:
    """Whether *token* came with the mail of the session."""
    return hmac.compare_digest(token_of(secret, sid).encode(), token.encode("utf-8", "replace"))


def unsubscribe_token(secret: bytes, user_id: str, pushkey: str) -> str:
    """What ends the digests of a user to an address, once and for all mail that carries it."""
    return _keyed(secret, f"{user_id} {pushkey}", b"folkmoot-unsub")


def is_unsubscribe_token(secret: bytes, user_id: str, pushkey: str, token: str) -> bool:
    """Whether *token* came with a digest."""
    return hmac.compare_digest(unsubscribe_token(secret, user_id, pushkey).encode(), token.encode("utf-8", "replace"))


def renewal_token(secret: bytes, user_id: str, expires_ms: int) -> str:
    """What renews an account that ends then, once."""
    return _keyed(secret, f"{user_id} {expires_ms}", b"folkmoot-renew")


def is_renewal_token(secret: bytes, user_id: str, expires_ms: int, token: str) -> bool:
    """Whether *token* came with the mail that reminded of that end."""
    return hmac.compare_digest(renewal_token(secret, user_id, expires_ms).encode(), token.encode("utf-8", "replace"))


def _keyed(secret: bytes, text: str, person: bytes) -> str:
    return blake2b(text.encode("utf-8", "replace"), key=secret, digest_size=_TOKEN_BYTES, person=person).hexdigest()
