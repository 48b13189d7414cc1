"""The server's addresses: each a port with or without TLS that speaks HTTP to one site."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from attrs import define, frozen
from OpenSSL.crypto import FILETYPE_PEM, X509, load_certificate, load_privatekey
from OpenSSL.crypto import Error as CryptoError
from OpenSSL.SSL import NO_OVERLAPPING_PROTOCOLS, Connection, Context
from OpenSSL.SSL import Error as TLSError
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IOpenSSLServerConnectionCreator
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from homeserver.http.request import EdgeSite
from homeserver.http.settings import ListenerSettings, TLSFiles

BACKLOG: Final = 1024
PROTOCOL: Final = b"http/1.1"
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CannotListen(Exception):
    """A listener cannot be opened; the text says which and why."""


@implementer(IOpenSSLServerConnectionCreator)
@define(eq=False)
class ServerTLS:
    """The server's end of TLS, with certificates that may be renewed while it runs."""

    files: TLSFiles
    _context: Context

    @classmethod
    def load(cls, files: TLSFiles) -> "ServerTLS":
        """Raises CannotListen when the files do not serve."""
        return cls(files, _load_context(files))

    def reload(self) -> None:
        """New connections use what the files hold now.  Raises CannotListen, and then the old certificate stays."""
        self._context = _load_context(self.files)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        """One connection's TLS."""
        return Connection(self._context, None)


@frozen
class Listeners:
    """All that the server listens on."""

    ports: tuple[IListeningPort, ...]
    tls: tuple[ServerTLS, ...]

    def reload(self) -> None:
        """Certificates are read again.  Raises CannotListen."""
        for each in self.tls:
            each.reload()

    async def close(self) -> None:
        """Nobody connects any more; connections that are there stay."""
        for port in self.ports:
            closed = port.stopListening()
            if closed is not None:
                await closed


def open_listeners(
    settings: Iterable[ListenerSettings], site_of: Callable[[ListenerSettings], EdgeSite], reactor: Any
) -> Listeners:
    """Every listener is open, or none is.  Raises CannotListen."""
    ports: list[IListeningPort] = []
    tls: list[ServerTLS] = []
    try:
        for listener in settings:
            site = site_of(listener)
            if listener.tls is None:
                port = reactor.listenTCP(listener.port, site, backlog=BACKLOG, interface=listener.bind)
            else:
                tls.append(ServerTLS.load(listener.tls))
                port = reactor.listenSSL(listener.port, site, tls[-1], backlog=BACKLOG, interface=listener.bind)
            ports.append(port)
    except CannotListenError as error:
        _close_again(ports)
        raise CannotListen(f"{listener.url} cannot be opened: {error.socketError}.") from error
    except CannotListen:
        _close_again(ports)
        raise
    return Listeners(tuple(ports), tuple(tls))


def _close_again(ports: Iterable[IListeningPort]) -> None:
    for port in ports:
        port.stopListening()


def _load_context(files: TLSFiles) -> Context:
    chain = _load_chain(files.certificate)
    try:
        key = load_privatekey(FILETYPE_PEM, _read(files.private_key))
        options = CertificateOptions(privateKey=key, certificate=chain[0], extraCertChain=chain[1:])
        context = options.getContext()
        context.set_alpn_select_callback(_choose_protocol)
        return context
    except (CryptoError, TLSError, ValueError) as error:
        raise CannotListen(f"{files.private_key} is not the private key of {files.certificate}.") from error


def _choose_protocol(_: Connection, offered: list[bytes]) -> Any:
    # The one protocol spoken here; who offers others alone is answered in it all the same.
    return PROTOCOL if PROTOCOL in offered else NO_OVERLAPPING_PROTOCOLS


def _load_chain(file: Path) -> list[X509]:
    try:
        chain = [load_certificate(FILETYPE_PEM, text) for text in _CERTIFICATE.findall(_read(file))]
    except (CryptoError, ValueError) as error:
        raise CannotListen(f"{file} holds a certificate that cannot be read.") from error
    if not chain:
        raise CannotListen(f"{file} holds no certificate.")
    return chain


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotListen(f"{file} cannot be read: {error.strerror}.") from error
