"""
Server discovery as steps without I/O: from a server's name to where its requests go.

``discover`` answers the first step.  A question (``FetchWellKnown``, ``ResolveSrv``) is asked by the caller, who passes
the answer to its ``answered`` and gets the next step; a ``Destination`` is the end.

Spec: server-server-api#resolving-server-names
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.addresses import SrvRecord, Target, is_dns_name, is_ip_literal
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import ServerName, parse_server_name
from homeserver.core.malformed import Malformed

DEFAULT_PORT: Final = 8448
SRV_SERVICES: Final = ("_matrix-fed._tcp", "_matrix._tcp")
"""The registered service first, then the deprecated one."""


@frozen
class Destination:
    """
    Where requests to a server go: its *targets* are tried in order; none when the DNS says it offers no service.

    The certificate must be valid for *tls_name*, a DNS name or an IP literal without brackets.
    """

    targets: tuple[Target, ...]
    host_header: str
    tls_name: str


@frozen
class FetchWellKnown:
    """Fetch ``https://host/.well-known/matrix/server``, following redirects."""

    host: str

    def answered(self, delegated: ServerName | None) -> "Step":
        """The step after the document named *delegated*; None: there is no valid document."""
        if delegated is None:
            return ResolveSrv(self.host)
        host, port = split_server_name(delegated)
        if port is not None or is_ip_literal(host):
            return _straight(delegated)
        return ResolveSrv(host)


@frozen
class ResolveSrv:
    """Look up the SRV records of *name*."""

    host: str
    service: str = SRV_SERVICES[0]

    @property
    def name(self) -> str:
        """What is looked up, as ``_matrix-fed._tcp.example.org``."""
        return f"{self.service}.{self.host}"

    def answered(self, records: Sequence[SrvRecord], dice: Sequence[float] = ()) -> "Step":
        """
        The step after the DNS gave *records*; empty: it has none.

        *dice*: numbers in [0, 1), which choose among records of equal priority; those that lack count as 0.
        """
        if records:
            # A single record whose target is the root says that there is decidedly no such service (RFC 2782).
            usable = [record for record in records if record.host.rstrip(".")]
            ordered = order_by_priority(usable, dice)
            targets = tuple(Target(record.host.rstrip("."), record.port) for record in ordered)
            return Destination(targets, self.host, self.host)
        if self.service == SRV_SERVICES[0]:
            return ResolveSrv(self.host, SRV_SERVICES[1])
        return Destination((Target(self.host, DEFAULT_PORT),), self.host, self.host)


Step: TypeAlias = FetchWellKnown | ResolveSrv | Destination


def discover(server_name: ServerName) -> Step:
    """The first step towards *server_name*.  Raises Malformed when it is no server name."""
    parse_server_name(server_name)
    host, port = split_server_name(server_name)
    if port is not None or is_ip_literal(host):
        return _straight(server_name)
    return FetchWellKnown(host)


def parse_well_known(document: JSON) -> ServerName:
    """The ``m.server`` of the document.  Raises Malformed.  Spec: server-server-api#getwell-knownmatrixserver"""
    if not isinstance(document, dict):
        raise Malformed("This must be a JSON object.")
    delegated = parse_server_name(document.get("m.server"))
    split_server_name(delegated)
    return delegated


def split_server_name(server_name: ServerName) -> tuple[str, int | None]:
    """Its host, IPv6 literals without brackets, and the port it names.  Raises Malformed for a port past 65535."""
    host, colon, port_text = server_name.rpartition(":")
    # The colons inside an IPv6 literal's brackets separate no port.
    if not colon or server_name.endswith("]"):
        host, port_text = server_name, ""
    if host.startswith("["):
        host = host.strip("[]")
        if not is_ip_literal(host):
            raise Malformed(f"{server_name!r} has brackets around what is no IPv6 address.", code="M_INVALID_PARAM")
    elif not is_ip_literal(host) and not is_dns_name(host):
        raise Malformed(f"{server_name!r} has a host that no DNS can know.", code="M_INVALID_PARAM")
    if not port_text:
        return host, None
    port = int(port_text)
    if not 0 < port < 65536:
        raise Malformed(f"{server_name!r} has no valid port.", code="M_INVALID_PARAM")
    return host, port


def order_by_priority(records: Sequence[SrvRecord], dice: Sequence[float]) -> list[SrvRecord]:
    """*records* in the order to try them: by priority, and within one by chance in proportion to the weights."""
    left = sorted(records, key=lambda record: (record.priority, record.weight))
    throws = iter(dice)
    ordered: list[SrvRecord] = []
    while left:
        rivals = [record for record in left if record.priority == left[0].priority]
        chosen = _pick(rivals, next(throws, 0.0))
        ordered.append(chosen)
        left.remove(chosen)
    return ordered


def _pick(rivals: Sequence[SrvRecord], die: float) -> SrvRecord:
    mark = die * sum(record.weight for record in rivals)
    for record in rivals:
        mark -= record.weight
        if mark < 0:
            return record
    return rivals[0]


def _straight(server_name: ServerName) -> Destination:
    host, port = split_server_name(server_name)
    return Destination((Target(host, port if port is not None else DEFAULT_PORT),), server_name, host)
