"""
Passwords are changed.

Spec: client-server-api#password-management
"""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.interactive_auth import EMAIL_IDENTITY, PASSWORD, Flows
from homeserver.core.mail.addresses import EMAIL
from homeserver.core.mail.validation import Proven, parse_proven
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.interactive_auth import BY_PASSWORD, InteractiveAuth, Request
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.refusals import AddressNotProved
from homeserver.services.sessions import Sessions
from homeserver.store import threepids, users, validation_sessions
from homeserver.store.database import Database
from homeserver.store.write import Write

BY_PASSWORD_OR_EMAIL: Final[Flows] = (*BY_PASSWORD, (EMAIL_IDENTITY,))


@define(eq=False)
class Passwords:
    """
    Changes passwords.  *can_mail*: who has forgotten theirs may prove an address instead.

    *listeners* hear whose password was changed.
    """

    database: Database
    hashes: PasswordHashes
    sessions: Sessions
    interactive_auth: InteractiveAuth
    can_mail: bool = False
    listeners: list[Callable[[UserID], Awaitable[None]]] = field(factory=list)

    async def change(
        self, caller: Caller | None, new: str, auth: JSON, info: RequestInfo, *, logout_devices: bool
    ) -> None:
        """
        The account has another password; *logout_devices*: and no device but the caller's.

        Without a caller, the account is the one whose present password, or address, is proved.
        Raises WeakPassword, InteractiveAuthRequired, AddressNotProved.
        """
        self.hashes.check_policy(new)
        user_id = None if caller is None else caller.user_id
        flows = BY_PASSWORD_OR_EMAIL if caller is None and self.can_mail else BY_PASSWORD
        progress = await self.interactive_auth.complete(Request("changePassword", flows, info, user_id), auth)
        if EMAIL_IDENTITY in progress.proofs:
            await self._reset(parse_proven(progress.proofs[EMAIL_IDENTITY]), new, logout_devices)
            return
        owner = UserID(progress.proofs[PASSWORD])
        await self.set(owner, new, keep=None if caller is None else caller.device_id, logout_devices=logout_devices)

    async def set(self, user_id: UserID, new: str, *, keep: DeviceID | None, logout_devices: bool) -> None:
        """The account has this password, without further questions; the device *keep* stays in any case."""
        password_hash = await self.hashes.make(new)
        await self.database.write(self._write, user_id, password_hash, keep, logout_devices)
        await self._tell(user_id)

    async def _reset(self, proven: Proven, new: str, logout_devices: bool) -> None:
        password_hash = await self.hashes.make(new)
        await self._tell(await self.database.write(self._write_proven, proven, password_hash, logout_devices))

    async def _tell(self, user_id: UserID) -> None:
        self.sessions.forget(user_id)
        for listener in self.listeners:
            await listener(user_id)

    def _write_proven(self, tx: Write, proven: Proven, password_hash: str, logout_devices: bool) -> UserID:
        if not validation_sessions.take(tx, proven.sid):
            raise AddressNotProved("This confirmation was used already.")
        owner = threepids.owner_of(tx.connection, EMAIL, proven.address)
        user = None if owner is None else users.by_id(tx.connection, owner)
        if user is None or user.deactivated:
            raise AddressNotProved("This address belongs to no account any more.")
        self._write(tx, user.user_id, password_hash, None, logout_devices)
        return user.user_id

    def _write(
        self, tx: Write, user_id: UserID, password_hash: str, keep: DeviceID | None, logout_devices: bool
    ) -> None:
        users.set_password_hash(tx, user_id, password_hash)
        if logout_devices:
            self.sessions.erasure.erase_others(tx, user_id, keep)
