"""Users hear by mail what is done with their account: somebody logs in, the password is another."""

from datetime import UTC, datetime

import structlog
from attrs import define

from homeserver.core.identifiers import UserID
from homeserver.core.mail.addresses import EMAIL, EmailAddress
from homeserver.services.callers import RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.mail.post import Post
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.mail.texts import Texts
from homeserver.store import threepids
from homeserver.store.database import Database
from homeserver.store.failures import DatabaseFailure

log = structlog.get_logger(__name__)


@define(eq=False)
class AccountNotices:
    """Writes to all addresses of an account."""

    database: Database
    clock: Clock
    post: Post
    texts: Texts
    settings: EmailSettings

    async def logged_in(self, user_id: UserID, device_name: str, info: RequestInfo) -> None:
        """Somebody has logged in to the account, on a device that is new."""
        if self.settings.tell_logins:
            await self._tell(user_id, "login", device=device_name, client_ip=info.client_ip, agent=info.user_agent)

    async def password_changed(self, user_id: UserID) -> None:
        """The account has another password."""
        if self.settings.tell_password_changes:
            await self._tell(user_id, "password")

    async def _tell(self, user_id: UserID, name: str, **facts: str) -> None:
        when = f"{datetime.fromtimestamp(now_ms(self.clock) / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        try:
            for owned in await self.database.read(threepids.of_user, user_id):
                if owned.medium == EMAIL:
                    address = EmailAddress(owned.address)
                    await self.post.send_later(self.texts.letter(name, address, user_id=user_id, when=when, **facts))
        except DatabaseFailure as failure:
            # What it was to tell of is done already, and must not seem to have failed.
            log.warning("a user could not be told by mail", reason=str(failure))
