"""
Sessions: a device of a user and the tokens that speak for it.

Spec: client-server-api#relationship-between-access-tokens-and-devices
"""

from collections.abc import Callable, Sequence
from os import urandom

from attrs import define, field, frozen, validators

from homeserver.core import tokens
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import ACCOUNT
from homeserver.core.tokens import TokenHash
from homeserver.services.access_tokens import AccessTokens
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.refusals import Expired, Forbidden, Locked, UnknownToken
from homeserver.store import access_tokens, account_validity, devices, refresh_tokens, users
from homeserver.store.database import Database
from homeserver.store.write import Write


@frozen
class SessionSettings:
    """How long the tokens of a session are good."""

    refreshable_access_token_seconds: float = field(default=3600.0, validator=validators.gt(0))
    """The life of an access token whose client can refresh it."""
    access_token_seconds: float | None = field(default=None, validator=validators.optional(validators.gt(0)))
    """The life of an access token whose client cannot; unset: it does not expire."""
    keep_addresses: bool = True
    """Whether it is kept, for users and administrators, from which address and by which client a device came last."""


@frozen
class NewSession:
    """What a client asks for when it logs in."""

    device_id: DeviceID | None = None
    """None: a new device, under an ID that the server makes."""
    display_name: str | None = None
    """Of a new device; a known one keeps its own."""
    refreshable: bool = False
    """The client knows refresh tokens."""


@frozen
class Tokens:
    """The secrets of a session, told once and never stored."""

    access_token: str
    refresh_token: str | None = None
    expires_in_ms: int | None = None
    """None: the access token does not expire."""


@frozen
class Opened:
    """A session as its client is told of it; *tokens* None: an account without a session."""

    user_id: UserID
    device_id: DeviceID | None = None
    tokens: Tokens | None = None


@frozen
class PreparedSession:
    """
    A session that is still to be written, by ``Sessions.write``: in the same transaction as whatever it comes with.

    All that is random is drawn before, since a writing function may run twice.
    """

    tokens: Tokens
    device_id: DeviceID
    device_is_chosen: bool
    display_name: str | None
    now_ms: int

    def opened_for(self, user_id: UserID) -> Opened:
        """What the client is told once it is written."""
        return Opened(user_id, self.device_id, self.tokens)


@define(eq=False)
class Sessions:
    """Opens, renews and closes sessions."""

    database: Database
    clock: Clock
    settings: SessionSettings
    access_tokens: AccessTokens
    erasure: DeviceErasure
    random: Callable[[int], bytes] = urandom

    def prepare(self, new: NewSession) -> PreparedSession:
        """A session, to be written."""
        return PreparedSession(
            self._make_tokens(refreshable=new.refreshable),
            new.device_id or tokens.device_id(self.random(tokens.DEVICE_ID_BYTES)),
            new.device_id is not None,
            new.display_name,
            now_ms(self.clock),
        )

    def write(self, tx: Write, user_id: UserID, session: PreparedSession) -> None:
        """The session is open.  Raises Locked, Expired; Forbidden when its device may not be called so."""
        _require_unlocked(tx, user_id, session.now_ms)
        if session.device_is_chosen:
            if not self.erasure.is_device_id_free(tx, user_id, session.device_id):
                raise Forbidden("A device cannot be called like a cross-signing key.")
            # A device has one session at a time.
            access_tokens.delete_of_devices(tx, user_id, (session.device_id,))
            refresh_tokens.delete_of_devices(tx, user_id, (session.device_id,))
        devices.insert_new(tx, user_id, session.device_id, session.display_name, session.now_ms)
        _write_tokens(tx, user_id, session.device_id, session.tokens, session.now_ms)

    async def open(self, user_id: UserID, new: NewSession) -> Opened:
        """A session of a user who has proved who they are.  Raises Forbidden."""
        session = self.prepare(new)
        await self.database.write(self.write, user_id, session)
        self.forget(user_id)
        return session.opened_for(user_id)

    def forget(self, user_id: UserID) -> None:
        """What the user's tokens stand for is looked up anew."""
        self.access_tokens.forget(user_id)

    async def refresh(self, refresh_token: str) -> Tokens:
        """
        The next tokens of a session.  Raises UnknownToken.

        The old ones stay good until one of the new is used, so that a client that never got the answer can ask again.
        Spec: client-server-api#refreshing-access-tokens
        """
        old_hash = tokens.hash_of(refresh_token)
        new, now = self._make_tokens(refreshable=True), now_ms(self.clock)
        user_id = await self.database.write(_refresh, old_hash, new, now)
        self.forget(user_id)
        return new

    async def close(self, caller: Caller, token: str) -> None:
        """The caller's *token* is good no more, and the device is gone with all that was kept for it."""
        if caller.device_id is not None:
            await self.close_devices(caller.user_id, (caller.device_id,))
        elif caller.appservice_id is None:
            # An administrator's, who spoke for the user.  That of an application service has no session to close.
            await self.database.write(_close_token, caller.user_id, tokens.hash_of(token))
            self.forget(caller.user_id)

    async def close_devices(self, user_id: UserID, device_ids: Sequence[DeviceID]) -> None:
        """These devices are gone."""
        await self.database.write(self.erasure.erase, user_id, device_ids)
        self.forget(user_id)

    async def close_all(self, user_id: UserID) -> None:
        """All devices of the user are gone, and every token."""
        await self.database.write(self.erasure.erase_all, user_id)
        self.forget(user_id)

    def _make_tokens(self, *, refreshable: bool) -> Tokens:
        access_token = tokens.access_token(self.random(tokens.SECRET_BYTES))
        if not refreshable:
            return Tokens(access_token, None, _milliseconds(self.settings.access_token_seconds))
        refresh_token = tokens.refresh_token(self.random(tokens.SECRET_BYTES))
        return Tokens(access_token, refresh_token, _milliseconds(self.settings.refreshable_access_token_seconds))


def _refresh(tx: Write, old_hash: TokenHash, new: Tokens, now: int) -> UserID:
    old = refresh_tokens.by_hash(tx.connection, old_hash)
    if old is None or old.is_expired(now):
        raise UnknownToken("This refresh token is not known, or was used.")
    _require_unlocked(tx, old.user_id, now)
    # Using it shows that its client has it, and needs the one before no more.
    refresh_tokens.retire_before(tx, old_hash)
    if old.next_hash is not None:
        # The answer with the next tokens was never used: it was lost, and these take their place.
        refresh_tokens.delete_token(tx, old.next_hash)
    assert new.refresh_token is not None
    refresh_tokens.set_next(tx, old_hash, tokens.hash_of(new.refresh_token))
    _write_tokens(tx, old.user_id, old.device_id, new, now)
    return old.user_id


def _close_token(tx: Write, user_id: UserID, token_hash: TokenHash) -> None:
    access_tokens.delete_one(tx, token_hash)
    # Every process hears of it.
    tx.log(ACCOUNT, user_id)


def _require_unlocked(tx: Write, user_id: UserID, now: int) -> None:
    account = users.by_id(tx.connection, user_id)
    if account is not None and account.locked:
        raise Locked
    if account is None or account.is_admin or account.appservice_id is not None:
        return
    validity = account_validity.of_user(tx.connection, user_id)
    if validity is not None and validity.expires_ms is not None and validity.expires_ms <= now:
        raise Expired


def _write_tokens(tx: Write, user_id: UserID, device_id: DeviceID, new: Tokens, now: int) -> None:
    refresh_hash = None if new.refresh_token is None else tokens.hash_of(new.refresh_token)
    if refresh_hash is not None:
        refresh_tokens.insert_token(tx, refresh_hash, user_id, device_id)
    expires_ms = None if new.expires_in_ms is None else now + new.expires_in_ms
    access_tokens.insert_token(tx, tokens.hash_of(new.access_token), user_id, device_id, expires_ms, refresh_hash, now)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)
