"""
Logging in: who proves to be a user gets a session.

Spec: client-server-api#legacy-login
"""

from collections.abc import Awaitable, Callable
from os import urandom
from typing import Final

from attrs import define, field, frozen

from homeserver.core import tokens
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.tokens import TokenHash
from homeserver.core.user_identifiers import UserIdentifier
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.credentials import Credentials
from homeserver.services.interactive_auth import BY_PASSWORD, InteractiveAuth, Request
from homeserver.services.ports import Appservices
from homeserver.services.refusals import Exclusive, Forbidden
from homeserver.services.sessions import NewSession, Opened, PreparedSession, Sessions
from homeserver.store import devices, login_tokens, users
from homeserver.store.database import Database
from homeserver.store.write import Write

LOGIN_TOKEN_LIFETIME_MS: Final = 2 * 60 * 1000


@frozen
class LoginToken:
    """A token that logs one client in, once."""

    token: str
    expires_in_ms: int


@define(eq=False)
class Logins:
    """The ways to a session."""

    database: Database
    clock: Clock
    credentials: Credentials
    sessions: Sessions
    interactive_auth: InteractiveAuth
    appservices: Appservices
    random: Callable[[int], bytes] = urandom
    listeners: list[Callable[[UserID, str, RequestInfo], Awaitable[None]]] = field(factory=list)
    """They hear who has logged in on a device that is new, what it is called, and from where."""

    async def by_password(
        self, identifier: UserIdentifier, password: str, new: NewSession, info: RequestInfo
    ) -> Opened:
        """A session of whoever knows the password.  Raises Forbidden, TooSoon."""
        user_id = await self.credentials.check(identifier, password, info.client_ip)
        is_new = await self._is_new(user_id, new)
        opened = await self.sessions.open(user_id, new)
        await self._tell(opened, new, is_new, info)
        return opened

    async def by_token(self, token: str, new: NewSession, info: RequestInfo) -> Opened:
        """A session of the user whom the token was made for; the token is used up.  Raises Forbidden."""
        session = self.sessions.prepare(new)
        user_id, is_new = await self.database.write(self._redeem, tokens.hash_of(token), session, now_ms(self.clock))
        self.sessions.forget(user_id)
        opened = session.opened_for(user_id)
        await self._tell(opened, new, is_new, info)
        return opened

    async def by_appservice(self, token: str, identifier: UserIdentifier, new: NewSession, info: RequestInfo) -> Opened:
        """
        A session of a user of an application service.  Raises Forbidden, Exclusive.

        Spec: client-server-api#appservice-login
        """
        caller = await self.appservices.caller(token, user_id=None, device_id=None)
        if caller is None or caller.appservice_id is None:
            raise Forbidden("This is no token of an application service.")
        user_id = await self.credentials.user_of(identifier)
        if user_id is None:
            raise Forbidden("This is no user of this server.")
        if not self.appservices.owns(caller.appservice_id, user_id):
            raise Exclusive("The user is not in the namespaces of this application service.")
        user = await self.database.read(users.by_id, user_id)
        if user is None or user.deactivated:
            raise Forbidden("This user is not registered.")
        return await self.sessions.open(user_id, new)

    async def make_token(self, caller: Caller, auth: JSON, info: RequestInfo) -> LoginToken:
        """
        A token with which one more client can log in as the caller.

        Raises InteractiveAuthRequired each time anew.  Spec: client-server-api#post_matrixclientv1loginget_token
        """
        await self.interactive_auth.complete(Request("generateLoginToken", BY_PASSWORD, info, caller.user_id), auth)
        token = tokens.login_token(self.random(tokens.SECRET_BYTES))
        now = now_ms(self.clock)
        await self.database.write(
            login_tokens.insert_token, tokens.hash_of(token), caller.user_id, now, now + LOGIN_TOKEN_LIFETIME_MS
        )
        return LoginToken(token, LOGIN_TOKEN_LIFETIME_MS)

    async def _is_new(self, user_id: UserID, new: NewSession) -> bool:
        if not self.listeners or new.device_id is None:
            return True
        return await self.database.read(devices.by_id, user_id, new.device_id) is None

    async def _tell(self, opened: Opened, new: NewSession, is_new: bool, info: RequestInfo) -> None:
        if is_new:
            for listener in self.listeners:
                await listener(opened.user_id, new.display_name or opened.device_id or "", info)

    def _redeem(self, tx: Write, token_hash: TokenHash, session: PreparedSession, now: int) -> tuple[UserID, bool]:
        user_id = login_tokens.take(tx, token_hash, now)
        if user_id is None:
            raise Forbidden("This login token is not known, was used, or has expired.")
        user = users.by_id(tx.connection, user_id)
        if user is None or user.deactivated:
            raise Forbidden("This account is deactivated.")
        is_new = devices.by_id(tx.connection, user_id, session.device_id) is None
        self.sessions.write(tx, user_id, session)
        return user_id, is_new
