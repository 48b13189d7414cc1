"""
Proofs of who a user is, for services that know Matrix.

Spec: client-server-api#openid
"""

from collections.abc import Callable
from os import urandom
from typing import Final

from attrs import define, frozen

from homeserver.core import tokens
from homeserver.core.identifiers import ServerName, UserID
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import Forbidden, UnknownToken
from homeserver.store import openid_tokens, users
from homeserver.store.database import Database

LIFETIME_SECONDS: Final = 3_600


@frozen
class OpenIDToken:
    """Spec: client-server-api#post_matrixclientv3useruseridopenidrequest_token"""

    access_token: str
    matrix_server_name: ServerName
    expires_in: int = LIFETIME_SECONDS
    token_type: str = "Bearer"


@define(eq=False)
class OpenID:
    """Gives out tokens that are good for one thing: to be asked whose they are."""

    server: ServerName
    database: Database
    clock: Clock
    random: Callable[[int], bytes] = urandom

    async def give(self, caller: Caller, user_id: UserID) -> OpenIDToken:
        """A token of the caller.  Raises Forbidden when *user_id* is somebody else."""
        if caller.user_id != user_id:
            raise Forbidden("You can prove only who you are yourself.")
        token = tokens.openid_token(self.random(tokens.SECRET_BYTES))
        now = now_ms(self.clock)
        expires_ms = now + LIFETIME_SECONDS * 1000
        await self.database.write(openid_tokens.insert_token, tokens.hash_of(token), user_id, now, expires_ms)
        return OpenIDToken(token, self.server)

    async def owner(self, token: str) -> UserID:
        """Whose token it is.  Raises UnknownToken."""
        user_id = await self.database.read(openid_tokens.owner, tokens.hash_of(token), now_ms(self.clock))
        user = None if user_id is None else await self.database.read(users.by_id, user_id)
        if user_id is None or user is None or user.deactivated:
            raise UnknownToken
        return user_id
