"""
A user is who they say: the password is theirs.

Spec: client-server-api#password-based
"""

from attrs import define

from homeserver.core.identifiers import ServerName, UserID
from homeserver.core.user_identifiers import UserIdentifier, UserName
from homeserver.services.login_failures import LoginFailures
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.refusals import Forbidden, Locked
from homeserver.store import threepids, users
from homeserver.store.database import Database


@define(eq=False)
class Credentials:
    """Checks passwords, at a pace that makes guessing useless."""

    server: ServerName
    database: Database
    hashes: PasswordHashes
    failures: LoginFailures

    async def check(self, identifier: UserIdentifier, password: str, address: str) -> UserID:
        """
        The user whose password this is.  Raises Forbidden, TooSoon; Locked only to whom it is.

        Whether there is such a user shows neither in the answer nor in the time that it takes.
        """
        user_id = await self.user_of(identifier)
        counted_as = str(identifier) if user_id is None else user_id
        self.failures.check(counted_as, address)
        user = None if user_id is None else await self.database.read(users.by_id, user_id)
        stored = None if user is None else user.password_hash
        if not await self.hashes.matches(stored, password) or user is None or stored is None:
            self.failures.record(counted_as, address)
            raise Forbidden("The user name or the password is wrong.")
        if user.locked:
            raise Locked
        if self.hashes.is_outdated(stored):
            renewed = await self.hashes.make(password)
            await self.database.write(users.renew_password_hash, user.user_id, stored, renewed)
        return user.user_id

    async def user_of(self, identifier: UserIdentifier) -> UserID | None:
        """Whom a client means; None when it can be nobody of this server."""
        if isinstance(identifier, UserName):
            return identifier.user_id(self.server)
        return await self.database.read(threepids.owner_of, identifier.medium, identifier.address)
