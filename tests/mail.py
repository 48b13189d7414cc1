"""Mail servers for tests: one that speaks SMTP, nobody here wrote it; and one in memory."""

import asyncio
import email
import re
import ssl
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from attrs import define, field

from homeserver.services.mail.ports import MailRefused, MailUnavailable
from homeserver.services.mail.settings import EmailSettings

LINK = re.compile(r"https?://\S+")
SETTINGS = EmailSettings("127.0.0.1", "Tea House <tea@one.example>")


def parse_mail(message: bytes) -> EmailMessage:
    """The message as a client of mail reads it."""
    return email.message_from_bytes(message, policy=default)


def body_of(message: EmailMessage, form: str = "plain") -> str:
    """The text of a message, or its HTML."""
    part: Any = message.get_body((form,))
    assert part is not None, f"there is no {form} body"
    return str(part.get_content())


def link_in(message: EmailMessage) -> str:
    """The first link of the text."""
    found = LINK.search(body_of(message))
    assert found is not None, "there is no link"
    return found[0]


@define(eq=False)
class Postbox:
    """A mailer in memory; *failure*: what it raises instead of taking anything."""

    taken: list[tuple[str, EmailMessage]] = field(factory=list)
    failure: MailRefused | MailUnavailable | None = None
    tried: int = 0

    async def send(self, recipient: str, message: bytes) -> None:
        self.tried += 1
        if self.failure is not None:
            raise self.failure
        self.taken.append((recipient, parse_mail(message)))

    def newest(self, recipient: str) -> EmailMessage:
        """The last mail to somebody."""
        return next(message for to, message in reversed(self.taken) if to == recipient)

    def count(self, recipient: str) -> int:
        """How many they got."""
        return sum(to == recipient for to, _ in self.taken)


class MailServer:
    """
    aiosmtpd on a port of 127.0.0.1, in a thread of its own.

    *refused*: recipients that do not exist; *busy*: it takes nothing now.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None, *, from_start: bool = False, **login: str) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []
        self.logins: list[str] = []
        self.refused: set[str] = set()
        self.busy = False
        context = None
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
        more: dict[str, Any] = {}
        if login:
            more = {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": context is not None}
            self._login = login
        if context is not None and not from_start:
            more |= {"tls_context": context, "require_starttls": True}
        self._loop = asyncio.new_event_loop()

        def connection() -> SMTP:
            return SMTP(self, hostname="mail.test", loop=self._loop, **more)

        self._server = self._loop.run_until_complete(
            self._loop.create_server(connection, "127.0.0.1", 0, ssl=context if from_start else None)
        )
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Nobody connects any more."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def newest(self, recipient: str) -> EmailMessage:
        """The last mail to somebody."""
        return next(message for to, message in reversed(self.taken) if to == recipient)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.busy:
            return "451 later"
        if address in self.refused:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.extend((to, parse_mail(envelope.content)) for to in envelope.rcpt_tos)
        return "250 OK"

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
        assert isinstance(auth, LoginPassword)
        self.logins.append(auth.login.decode())
        expected = (self._login["username"], self._login["password"])
        # Unhandled: who fails is told so.
        return AuthResult(success=(auth.login.decode(), auth.password.decode()) == expected, handled=False)
