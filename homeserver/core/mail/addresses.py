"""
Addresses of electronic mail, in the one form in which they are kept and compared.

Letters are small, and the domain is spelled in ASCII.  What a local part means is its own server's business by RFC
5321; in practice none tells capitals apart, and who registers with a capital logs in without one.
"""

import re
from collections.abc import Collection
from typing import Final, NewType

from homeserver.core.malformed import Malformed

EmailAddress = NewType("EmailAddress", str)
"""Folded: ``alice@example.org``."""

EMAIL: Final = "email"
"""The medium of a third-party identifier."""

ADDRESS_CHARACTERS_MAX: Final = 254
LOCAL_PART_CHARACTERS_MAX: Final = 64
# The dot-atom of RFC 5322.  Quoted local parts are legal, and nobody has one.
_LOCAL_PART: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_DOMAIN: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


def parse_address(text: object, path: str = "email") -> EmailAddress:
    """The address, folded.  Raises Malformed for what no mail can be sent to."""
    if not isinstance(text, str):
        raise Malformed("An address is a text.", path)
    local_part, at, domain = text.strip().rpartition("@")
    local_part, domain = local_part.lower(), _ascii_domain(domain)
    is_whole = bool(at) and len(local_part) <= LOCAL_PART_CHARACTERS_MAX and _LOCAL_PART.match(local_part) is not None
    if not is_whole or _DOMAIN.match(domain) is None or len(local_part) + len(domain) >= ADDRESS_CHARACTERS_MAX:
        raise Malformed("This is no address that mail can be sent to.", path, "M_INVALID_PARAM")
    return EmailAddress(f"{local_part}@{domain}")


def folded_address(medium: str, address: str) -> str:
    """The form in which an address of any medium is looked for: what is none is nobody's, and stays as it is."""
    if medium != EMAIL:
        return address.lower()
    try:
        return parse_address(address)
    except Malformed:
        return address.lower()


def domain_of(address: EmailAddress) -> str:
    """What stands behind the @."""
    return address.rpartition("@")[2]


def is_allowed(address: EmailAddress, domains: Collection[str]) -> bool:
    """Whether the address lies in one of *domains*, themselves and not what is below them; none named: all are."""
    return not domains or domain_of(address) in {_ascii_domain(domain) for domain in domains}


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        # It does not pass for a domain afterwards.
        return ""
