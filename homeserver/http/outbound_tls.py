"""TLS towards others: whom we trust, and that they are who we meant to reach."""

from pathlib import Path
from typing import Any

from attrs import define, field
from OpenSSL.crypto import X509
from OpenSSL.SSL import (
    OP_NO_COMPRESSION,
    OP_NO_RENEGOTIATION,
    TLS1_2_VERSION,
    TLS_CLIENT_METHOD,
    VERIFY_FAIL_IF_NO_PEER_CERT,
    VERIFY_NONE,
    VERIFY_PEER,
    Connection,
    Context,
)
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from homeserver.core.addresses import is_ip_literal
from homeserver.services.ports import PeerUnreachable


@define(eq=False)
class OutboundTls:
    """
    TLS 1.2 or later, to certificates of the system's authorities and of those in *ca_file*.

    One context serves all connections: loading the authorities takes longer than many handshakes, 15 ms, and 1 MiB.
    Those of the system are loaded for the first connection that needs them; *ca_file* at once, so that a wrong one is
    told at the start.
    """

    ca_file: Path | None = None
    verify: bool = True
    _context: Context = field(init=False)
    _knows_authorities: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._context = Context(TLS_CLIENT_METHOD)
        self._context.set_min_proto_version(TLS1_2_VERSION)
        self._context.set_options(OP_NO_COMPRESSION | OP_NO_RENEGOTIATION)
        if self.ca_file is not None:
            self._context.load_verify_locations(str(self.ca_file))

    def towards(self, name: str) -> "ConnectionsTo":
        """
        What makes connections to whoever proves to be *name*, a DNS name or an IP literal without brackets.

        Raises PeerUnreachable for a name that no certificate can be for.
        """
        try:
            service = IPAddress_ID(name) if is_ip_literal(name) else DNS_ID(name)
            # An IP literal is no server name indication.  Spec: server-server-api#tls
            indication = None if is_ip_literal(name) else name.encode("idna")
        except ValueError as error:
            raise PeerUnreachable(name, "no certificate can be for this name") from error
        if self.verify and not self._knows_authorities:
            self._context.set_default_verify_paths()
            self._knows_authorities = True
        return ConnectionsTo(self._context, service, indication, self.verify)


@implementer(IOpenSSLClientConnectionCreator)
@define(eq=False)
class ConnectionsTo:
    """Connections that stand only when the certificate is valid for *service*."""

    context: Context
    service: DNS_ID | IPAddress_ID
    indication: bytes | None
    verify: bool

    def clientConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> Connection:
        """A connection that is to be made."""
        connection = Connection(self.context, None)
        if self.indication is not None:
            connection.set_tlsext_host_name(self.indication)
        if self.verify:
            connection.set_verify(VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT, _verification(tls_protocol, self.service))
        else:
            connection.set_verify(VERIFY_NONE, None)
        return connection


def _verification(tls_protocol: TLSMemoryBIOProtocol, service: DNS_ID | IPAddress_ID) -> Any:
    def verify(connection: Connection, certificate: X509, error: int, depth: int, trusted: int) -> bool:
        # The chain's upper ends are OpenSSL's to judge; the name stands in the last certificate.
        if depth != 0 or not trusted:
            return bool(trusted)
        try:
            verify_service_identity(extract_patterns(certificate), [service], [])
        except (VerificationError, CertificateError):
            tls_protocol.failVerification(Failure())
            return False
        return True

    return verify
