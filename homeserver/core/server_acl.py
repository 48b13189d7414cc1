"""
Server ACLs: which servers a room lets take part.

Spec: client-server-api#server-access-control-lists-acls-for-rooms
"""

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.globs import GlobSet, compile_globs
from homeserver.core.identifiers import ServerName

SERVER_ACL: Final = "m.room.server_acl"

_PORT: Final = re.compile(r":[0-9]{1,5}\Z")


@frozen
class ServerACL:
    """The content of an ``m.room.server_acl``, compiled once and asked for every server."""

    allow: GlobSet
    deny: GlobSet
    allow_ip_literals: bool = True

    def admits(self, server: ServerName) -> bool:
        """Whether *server* may take part; its port does not count, nor does case."""
        host = _host_of(server)
        if not self.allow_ip_literals and _is_ip_literal(host):
            return False
        return not self.deny.matches(host) and self.allow.matches(host)


def server_acl_of(content: Mapping[str, JSON]) -> ServerACL:
    """
    The ACL that the content of an ``m.room.server_acl`` says.

    A list that is absent or no list is empty, an entry that is no string is passed over, and ``allow_ip_literals`` is
    true unless it is ``false`` itself.
    """
    return ServerACL(
        allow=_globs(content.get("allow")),
        deny=_globs(content.get("deny")),
        allow_ip_literals=content.get("allow_ip_literals") is not False,
    )


def _globs(value: JSON) -> GlobSet:
    entries = value if isinstance(value, list) else []
    return compile_globs(entry.lower() for entry in entries if isinstance(entry, str))


def _host_of(server: ServerName) -> str:
    # A bare IPv6 literal stands in brackets, so a colon and digits at the end are always a port.
    return _PORT.sub("", server).lower()


def _is_ip_literal(host: str) -> bool:
    if host.startswith("["):
        return True
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True
