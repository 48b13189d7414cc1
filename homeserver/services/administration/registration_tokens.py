"""
Tokens that let newcomers register, given out by administrators.

Spec: client-server-api#token-authenticated-registration
"""

from collections.abc import Callable
from os import urandom
from typing import Final

from attrs import define, field, frozen

from homeserver.core import tokens
from homeserver.core.pages import Page, PageRequest, paged
from homeserver.core.registration import RegistrationToken, is_registration_token
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import InvalidParameter, NotFound
from homeserver.store import registration_tokens
from homeserver.store.database import Database
from homeserver.store.write import Write

TOKENS_MAX: Final = 10_000


@frozen
class TokenRequest:
    """A registration token that is wanted."""

    token: str | None = field(default=None, repr=False)
    """1 to 64 of the characters A-Z a-z 0-9 . _ ~ -; left out: the server makes one."""
    uses_allowed: int | None = None
    """How many accounts may be made with it; left out: any number."""
    expires_ms: int | None = None
    """Until when, in milliseconds since 1970; left out: for ever."""


@frozen
class TokenChange:
    """What a registration token is to allow from now on; what is left out stays."""

    uses_allowed: int | None = None
    """How many accounts may be made with it, those that were among them; -1: any number."""
    expires_ms: int | None = None
    """Until when, in milliseconds since 1970; -1: for ever."""


@frozen
class ShownToken:
    """A registration token."""

    token: str
    uses: int
    """How many accounts were made with it."""
    valid: bool
    """Whether one more could be."""
    uses_allowed: int | None = None
    """How many may be; left out: any number."""
    expires_ms: int | None = None
    """Until when, in milliseconds since 1970; left out: for ever."""


@define(eq=False)
class RegistrationTokens:
    """Gives tokens out, and takes them back."""

    database: Database
    clock: Clock
    random: Callable[[int], bytes] = urandom

    async def page(self, valid: bool | None, wanted: PageRequest) -> Page[ShownToken]:
        """The tokens (*valid*: those that are good, or not) in the order of their texts.  Raises Malformed."""
        every = [self._shown(each) for each in await self.database.read(registration_tokens.all_tokens)]
        return paged([each for each in every if valid in {None, each.valid}], lambda each: each.token, wanted)

    async def one(self, token: str) -> ShownToken:
        """The token.  Raises NotFound."""
        return self._shown(await self._stored(token))

    async def create(self, wanted: TokenRequest) -> ShownToken:
        """A new token is good.  Raises InvalidParameter."""
        token = wanted.token or tokens.registration_token(self.random(tokens.REGISTRATION_TOKEN_BYTES))
        if not is_registration_token(token):
            raise InvalidParameter("A token has 1 to 64 of the characters A-Z a-z 0-9 . _ ~ and -.")
        _check(wanted.uses_allowed, wanted.expires_ms)
        await self.database.write(_create, RegistrationToken(token, wanted.uses_allowed, 0, wanted.expires_ms))
        return await self.one(token)

    async def change(self, token: str, change: TokenChange) -> ShownToken:
        """The token allows this.  Raises NotFound, InvalidParameter."""
        stored = await self._stored(token)
        uses_allowed = _changed(stored.uses_allowed, change.uses_allowed)
        expires_ms = _changed(stored.expires_ms, change.expires_ms)
        _check(uses_allowed, expires_ms)
        await self.database.write(registration_tokens.replace, token, uses_allowed, expires_ms)
        return await self.one(token)

    async def delete(self, token: str) -> None:
        """The token is good no more.  Raises NotFound."""
        if not await self.database.write(registration_tokens.delete_token, token):
            raise NotFound("There is no such registration token.")

    async def _stored(self, token: str) -> RegistrationToken:
        stored = await self.database.read(registration_tokens.by_token, token)
        if stored is None:
            raise NotFound("There is no such registration token.")
        return stored

    def _shown(self, token: RegistrationToken) -> ShownToken:
        is_valid = token.is_valid(now_ms(self.clock))
        return ShownToken(token.token, token.uses, is_valid, token.uses_allowed, token.expires_ms)


def _create(tx: Write, token: RegistrationToken) -> None:
    if registration_tokens.by_token(tx.connection, token.token) is not None:
        raise InvalidParameter("There is such a token already.")
    if len(registration_tokens.all_tokens(tx.connection)) >= TOKENS_MAX:
        raise InvalidParameter(f"There are {TOKENS_MAX} tokens; delete some first.")
    registration_tokens.replace(tx, token.token, token.uses_allowed, token.expires_ms)


def _check(uses_allowed: int | None, expires_ms: int | None) -> None:
    if any(number is not None and number < 0 for number in (uses_allowed, expires_ms)):
        raise InvalidParameter("Numbers of uses and times are not negative.")


def _changed(before: int | None, wanted: int | None) -> int | None:
    if wanted is None:
        return before
    return None if wanted == -1 else wanted
