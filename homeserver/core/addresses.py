"""
Where servers are in the network: targets of connections, the DNS's answers, and which addresses are public.

An address that is not public cannot have been given us honestly by the outside world.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from attrs import frozen

_TRANSLATED: Final = ip_network("64:ff9b::/96")
"""NAT64: the last four octets are an IPv4 address."""

_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}\Z")


@frozen
class Target:
    """Where to connect: a DNS name that is still to be resolved, or an IP literal without brackets."""

    host: str
    port: int


@frozen
class SrvRecord:
    """A service's host in the DNS; a lower *priority* comes first, a higher *weight* is chosen more often."""

    host: str
    port: int
    priority: int = 0
    weight: int = 0


def is_ip_literal(host: str) -> bool:
    """Whether *host*, without brackets, is an IPv4 or IPv6 address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_dns_name(host: str) -> bool:
    """Whether *host* can be asked about in the DNS: labels of 1 to 63 characters of ASCII, 253 in all."""
    labels = host.removesuffix(".").split(".")
    return host.isascii() and len(host) <= 254 and all(_LABEL.match(label) for label in labels)


def is_public(address: str) -> bool:
    """
    Whether *address*, an IP literal, is one of the public internet.

    An IPv6 address that stands for an IPv4 address is judged as that one.  What is no IP literal is not public.
    """
    try:
        literal = ip_address(address)
    except ValueError:
        return False
    if isinstance(literal, IPv6Address):
        inner = _inside(literal)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return literal.is_global and not literal.is_multicast


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
