"""Messages reach a mail server that nobody here wrote, encrypted and signed in to."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.letters import Letter, encode_letter
from homeserver.http.mail.smtp import SMTPMailer
from homeserver.services.mail.ports import MailRefused, MailUnavailable
from scripts.certificates import make_authority
from tests.mail import SETTINGS, MailServer, body_of

ALICE = "alice@two.example"
MESSAGE = encode_letter(
    Letter(EmailAddress(ALICE), "Grüße", "Tee?\n.\n", "<p>Tee?</p>"), SETTINGS.sender, 1_700_000_000_000, "one"
)
PLAIN = evolve(SETTINGS, tls=False)


class SMTPTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def server(self, certificate: Any = None, **more: Any) -> MailServer:
        server = MailServer(certificate, **more)
        self.addCleanup(server.stop)
        return server

    def certificate(self, host: str = "127.0.0.1") -> tuple[Path, Path]:
        """Of an authority whose certificate is in the file ``ca.pem``."""
        authority = make_authority(self.folder)
        self.authority = authority.certificate
        issued = authority.issue(host)
        return issued.certificate, issued.private_key

    async def send(self, server: MailServer, **settings: Any) -> None:
        await SMTPMailer(reactor, evolve(SETTINGS, smtp_port=server.port, **settings)).send(ALICE, MESSAGE)

    async def test_a_message_arrives_as_it_was(self) -> None:
        """Text and HTML, letters of every script, and lines that begin with a dot."""
        server = self.server()
        await self.send(server, tls=False)
        message = server.newest(ALICE)

        self.assertEqual("Grüße", message["subject"])
        self.assertEqual("Tee?\n.\n", body_of(message).replace("\r\n", "\n"))
        self.assertEqual("<p>Tee?</p>", body_of(message, "html").strip())

    async def test_starttls_and_a_login(self) -> None:
        """The certificate is checked, and the login is said under TLS alone."""
        server = self.server(self.certificate(), username="chat", password="secret")
        await self.send(server, ca_file=self.authority, username="chat", password="secret")

        self.assertEqual(["chat"], server.logins)
        self.assertEqual(1, len(server.taken))

    async def test_tls_from_the_start(self) -> None:
        """As on port 465."""
        server = self.server(self.certificate(), from_start=True)
        await self.send(server, ca_file=self.authority, tls_from_start=True)

        self.assertEqual(1, len(server.taken))

    async def test_a_wrong_login_is_no_fault_of_the_message(self) -> None:
        """It is tried again once somebody has corrected the settings."""
        server = self.server(self.certificate(), username="chat", password="secret")
        with self.assertRaises(MailUnavailable):
            await self.send(server, ca_file=self.authority, username="chat", password="wrong")

        self.assertEqual([], server.taken)

    async def test_strangers_get_nothing(self) -> None:
        """A server without TLS, with an unknown authority's certificate, or with another name's."""
        plain = self.server()
        unknown = self.server(self.certificate())
        misnamed = self.server(self.certificate("mail.example"))
        for server, more in ((plain, {}), (unknown, {}), (misnamed, {"ca_file": self.authority})):
            with self.assertRaises(MailUnavailable):
                await self.send(server, **more)
            self.assertEqual([], server.taken)

    async def test_an_address_that_is_refused(self) -> None:
        """Trying again helps nobody; where the server is only busy it does."""
        server = self.server()
        server.refused.add(ALICE)
        with self.assertRaises(MailRefused):
            await self.send(server, tls=False)
        server.refused.clear()
        server.busy = True
        with self.assertRaises(MailUnavailable):
            await self.send(server, tls=False)

    async def test_nobody_answers(self) -> None:
        """The connection is refused, or closed at once."""
        closing: Any = Factory.forProtocol(_Closing)
        port: Any = reactor.listenTCP(0, closing, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number = port.getHost().port
        with self.assertRaises(MailUnavailable):
            await SMTPMailer(reactor, evolve(PLAIN, smtp_port=number)).send(ALICE, MESSAGE)
        await port.stopListening()
        with self.assertRaises(MailUnavailable):
            await SMTPMailer(reactor, evolve(PLAIN, smtp_port=number)).send(ALICE, MESSAGE)
        turn: Deferred[None] = Deferred()
        reactor.callLater(0, turn.callback, None)
        await turn


class _Closing(Protocol):
    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
