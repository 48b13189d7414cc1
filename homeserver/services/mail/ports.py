"""What mail needs of the network."""

from typing import Protocol


class MailFailure(Exception):
    """A message was not taken; the text says why, for whoever runs the server."""


class MailRefused(MailFailure):
    """The mail server will not take it later either."""


class MailUnavailable(MailFailure):
    """The mail server cannot be reached, or does not take it now."""


class Mailer(Protocol):
    """Hands messages to a mail server."""

    async def send(self, recipient: str, message: bytes) -> None:
        """The mail server has the message.  Raises MailRefused, MailUnavailable."""
