"""Messages go to the mail server by SMTP (RFC 5321), encrypted and signed in to as the settings say."""

from io import BytesIO
from typing import Any, Final

from attrs import define, field
from OpenSSL.SSL import Error as TLSError
from service_identity.exceptions import CertificateError, VerificationError
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IProtocol
from twisted.mail.smtp import ESMTPSender, ESMTPSenderFactory, SMTPClientError
from twisted.python.failure import Failure

from homeserver.core.mail.addresses import domain_of
from homeserver.http.outbound_tls import OutboundTls
from homeserver.services.mail.ports import MailRefused, MailUnavailable
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.ports import PeerUnreachable

TIMEOUT_SECONDS: Final = 30.0
"""For the connection, and then for each answer of the mail server."""
WHOLE_SECONDS: Final = 120.0
"""For everything together."""
_CONNECTION_FAILURES: Final = (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    TimeoutError,
    OSError,
    TLSError,
    VerificationError,
    CertificateError,
    PeerUnreachable,
)


class _Sender(ESMTPSender):
    """One message.  What was said is not kept: the password is part of it."""

    debug = False
    factory: "_SenderFactory"

    def connectionLost(self, reason: Failure = Failure(ConnectionClosed())) -> None:  # noqa: B008
        super().connectionLost(reason)
        # An endpoint's factory hears of this by nobody else.
        self.factory.lose(reason)


class _SenderFactory(ESMTPSenderFactory):
    protocol = _Sender
    noisy = False
    sendFinished: bool

    def lose(self, reason: Failure) -> None:
        """The connection is gone, with or without the message."""
        # The deferred goes once it has fired.
        sent = getattr(self, "result", None)
        if not self.sendFinished and sent is not None:
            self.sendFinished = True
            sent.errback(reason)


@define(eq=False)
class SMTPMailer:
    """Hands each message over on a connection of its own."""

    reactor: Any
    settings: EmailSettings
    _tls: OutboundTls = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tls = OutboundTls(self.settings.ca_file, self.settings.verify_tls)

    async def send(self, recipient: str, message: bytes) -> None:
        """The mail server has the message.  Raises MailRefused, MailUnavailable."""
        sent: Deferred[Any] = Deferred()
        try:
            whole = Deferred.fromCoroutine(self._send(recipient, message, sent))
            await whole.addTimeout(WHOLE_SECONDS, self.reactor)
        except SMTPClientError as error:
            reason = _reason(error)
            # Where no recipient was named yet, it would refuse everything: a login, or a sender.
            if 500 <= error.code < 600 and error.addresses:
                raise MailRefused(reason) from error
            raise MailUnavailable(reason) from error
        except _CONNECTION_FAILURES as error:
            raise MailUnavailable(f"{type(error).__name__}: {error}") from error

    async def _send(self, recipient: str, message: bytes, sent: "Deferred[Any]") -> None:
        settings = self.settings
        towards = self._tls.towards(settings.smtp_host)
        factory = _SenderFactory(
            (settings.username or "").encode(),
            (settings.password or "").encode(),
            settings.sender.address,
            recipient,
            BytesIO(message),
            sent,
            retries=0,
            timeout=TIMEOUT_SECONDS,
            contextFactory=towards if settings.tls else None,
            heloFallback=not settings.tls,
            requireAuthentication=settings.username is not None,
            requireTransportSecurity=settings.tls,
        )
        factory.domain = domain_of(settings.sender.address).encode()
        endpoint: Any = HostnameEndpoint(
            self.reactor, settings.smtp_host.encode("idna"), settings.smtp_port, timeout=TIMEOUT_SECONDS
        )
        if settings.starts_with_tls:
            endpoint = wrapClientTLS(towards, endpoint)
        protocol: IProtocol = await endpoint.connect(factory)
        try:
            await sent
        finally:
            transport = protocol.transport  # type: ignore[attr-defined]
            if transport is not None:
                transport.loseConnection()


def _reason(error: SMTPClientError) -> str:
    text = error.resp.decode("utf-8", "replace") if isinstance(error.resp, bytes) else str(error.resp)
    return f"{error.code} {text}"
