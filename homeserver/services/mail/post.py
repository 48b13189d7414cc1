"""Letters leave: at once, while somebody waits for it, or from the queue."""

from collections.abc import Callable

import structlog
from attrs import define

from homeserver.core.mail.letters import Letter, Sender, encode_letter
from homeserver.services.clock import Clock, now_ms
from homeserver.services.mail.outgoing import Outgoing
from homeserver.services.mail.ports import Mailer, MailRefused, MailUnavailable
from homeserver.services.refusals import InvalidParameter, MailNotSent
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)


@define(eq=False)
class Post:
    """Sends letters from *sender*.  *opaque_id* makes names that nothing else has."""

    database: Database
    clock: Clock
    mailer: Mailer
    outgoing: Outgoing
    sender: Sender
    opaque_id: Callable[[], str]

    def encode(self, letter: Letter) -> bytes:
        """The message as it travels."""
        return encode_letter(letter, self.sender, now_ms(self.clock), self.opaque_id())

    async def send_now(self, letter: Letter) -> None:
        """The mail server has it.  Raises MailNotSent, InvalidParameter when it does not take the address."""
        try:
            await self.mailer.send(letter.to, self.encode(letter))
        except MailRefused as failure:
            log.info("a mail was refused", reason=str(failure))
            raise InvalidParameter("The mail server does not take mail for this address.") from failure
        except MailUnavailable as failure:
            log.warning("a mail could not be sent", reason=str(failure))
            raise MailNotSent from failure

    async def send_later(self, letter: Letter) -> None:
        """It is going to be sent, whatever becomes of this process."""
        message = self.encode(letter)
        await self.database.write(self.queue, letter, message)
        self.outgoing.wake()

    def queue(self, tx: Write, letter: Letter, message: bytes) -> None:
        """It is going to be sent once this is committed; soon, if ``outgoing.wake`` is called then."""
        self.outgoing.insert(tx, letter.to, message, now_ms(self.clock))
