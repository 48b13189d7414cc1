"""
Passwords are changed.

Spec: client-server-api#password-management
"""

from attrs import define

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.interactive_auth import PASSWORD
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.interactive_auth import BY_PASSWORD, InteractiveAuth, Request
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.sessions import Sessions
from homeserver.store import users
from homeserver.store.database import Database
from homeserver.store.write import Write


@define(eq=False)
class Passwords:
    """Changes passwords."""

    database: Database
    hashes: PasswordHashes
    sessions: Sessions
    interactive_auth: InteractiveAuth

    async def change(
        self, caller: Caller | None, new: str, auth: JSON, info: RequestInfo, *, logout_devices: bool
    ) -> None:
        """
        The account has another password; *logout_devices*: and no device but the caller's.

        Without a caller, the account is the one whose present password is proved.
        Raises WeakPassword, InteractiveAuthRequired.
        """
        self.hashes.check_policy(new)
        user_id = None if caller is None else caller.user_id
        progress = await self.interactive_auth.complete(Request("changePassword", BY_PASSWORD, info, user_id), auth)
        owner = UserID(progress.proofs[PASSWORD])
        await self.set(owner, new, keep=None if caller is None else caller.device_id, logout_devices=logout_devices)

    async def set(self, user_id: UserID, new: str, *, keep: DeviceID | None, logout_devices: bool) -> None:
        """The account has this password, without further questions; the device *keep* stays in any case."""
        password_hash = await self.hashes.make(new)
        await self.database.write(self._write, user_id, password_hash, keep, logout_devices)
        self.sessions.forget(user_id)

    def _write(
        self, tx: Write, user_id: UserID, password_hash: str, keep: DeviceID | None, logout_devices: bool
    ) -> None:
        users.set_password_hash(tx, user_id, password_hash)
        if logout_devices:
            self.sessions.erasure.erase_others(tx, user_id, keep)
