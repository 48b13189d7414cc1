"""
What an administrator lets an account do: all, look on, or nothing.

Spec: client-server-api#account-moderation
"""

from attrs import define

from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.log import ACCOUNT
from homeserver.services.callers import Caller
from homeserver.services.refusals import Forbidden, InvalidParameter, NotFound
from homeserver.services.sessions import Sessions
from homeserver.store import users
from homeserver.store.database import Database
from homeserver.store.users import User
from homeserver.store.write import Write


@define(eq=False)
class Standing:
    """Locks and suspends accounts."""

    server: ServerName
    database: Database
    sessions: Sessions

    async def told_to(self, admin: Caller, user_id: UserID) -> User:
        """
        The living account of this server.

        Raises InvalidParameter for other servers' users, NotFound; Forbidden for another administrator's.
        """
        account = _living(await self.account(user_id), user_id)
        if account.is_admin and user_id != admin.user_id:
            raise Forbidden("This is another administrator.")
        return account

    async def account(self, user_id: UserID) -> User | None:
        """The account, living or not; None when there is none.  Raises InvalidParameter for other servers' users."""
        if server_of(user_id) != self.server:
            raise InvalidParameter(f"{user_id} is a user of another server.")
        return await self.database.read(users.by_id, user_id)

    async def set_locked(self, admin: Caller, user_id: UserID, *, locked: bool) -> None:
        """
        Whether the account can be used at all; its sessions stay.

        Raises InvalidParameter, NotFound; Forbidden for administrators, the caller among them.
        """
        await self._change(admin, user_id, locked=locked)

    async def set_suspended(self, admin: Caller, user_id: UserID, *, suspended: bool) -> None:
        """Whether the account may look on only.  Raises the same."""
        await self._change(admin, user_id, suspended=suspended)

    async def _change(
        self, admin: Caller, user_id: UserID, *, locked: bool | None = None, suspended: bool | None = None
    ) -> None:
        await self.account(user_id)
        await self.database.write(_change, admin.user_id, user_id, locked, suspended)
        self.sessions.forget(user_id)


def _living(account: User | None, user_id: UserID) -> User:
    if account is None or account.deactivated:
        raise NotFound(f"There is no living account {user_id}.")
    return account


def _change(tx: Write, admin: UserID, user_id: UserID, locked: bool | None, suspended: bool | None) -> None:
    account = _living(users.by_id(tx.connection, user_id), user_id)
    if user_id == admin:
        raise Forbidden("Administrators do this to others, not to themselves.")
    if account.is_admin:
        raise Forbidden("This is an administrator, whose account is neither locked nor suspended.")
    if locked is not None:
        users.set_locked(tx, user_id, locked=locked)
    if suspended is not None:
        users.set_suspended(tx, user_id, suspended=suspended)
    # Every process hears of it.
    tx.log(ACCOUNT, user_id)
