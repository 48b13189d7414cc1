"""
Who asks: an access token becomes a caller, from memory if it was seen lately.

Spec: client-server-api#using-access-tokens
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import ACCOUNT, DEVICE_LIST, LogEntry
from homeserver.core.rate_overrides import stored_overrides
from homeserver.core.tokens import TokenHash, hash_of
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.clock import Clock, Delayed, now_ms
from homeserver.services.last_seen import LastSeen
from homeserver.services.ports import Appservices
from homeserver.services.refusals import Deactivated, UnknownToken
from homeserver.store import access_tokens, refresh_tokens
from homeserver.store.database import Database

KNOWN_MAX: Final = 50_000
"""Tokens in memory."""
FRESH_MS: Final = 60_000
"""How long another process may have invalidated a token before this one knows, at the utmost."""
SOON_MS: Final = 3_600_000
"""Longer than any request waits."""


@define(eq=False)
class _Known:
    caller: Caller
    expires_ms: int | None
    fresh_until_ms: int


@define(eq=False)
class AccessTokens:
    """Callers by access token: a look-up in a dict while the token is in use, and in the store once a minute."""

    database: Database
    clock: Clock
    appservices: Appservices
    last_seen: LastSeen
    listeners: list[Callable[[UserID], None]] = field(factory=list)
    """They hear whose tokens may not be good any more, or stand for something else."""
    _known: OrderedDict[TokenHash, _Known] = field(init=False, factory=OrderedDict)
    _of_user: dict[UserID, set[TokenHash]] = field(init=False, factory=dict)
    _forgotten: int = field(init=False, default=0)
    _ends: dict[UserID, tuple[int, Delayed]] = field(init=False, factory=dict)
    """When accounts end, of which a token was looked up, that end soon."""

    async def caller(
        self, token: str, info: RequestInfo, *, user_id: UserID | None = None, device_id: DeviceID | None = None
    ) -> Caller:
        """
        The account of *token*, seen now.  Raises UnknownToken, Deactivated; Forbidden, Exclusive.

        *user_id* and *device_id*: whom an application service asks to speak for; an ordinary client's are ignored.
        """
        token_hash, now = hash_of(token), now_ms(self.clock)
        known = self._known.get(token_hash)
        if known is None or known.fresh_until_ms <= now:
            asserted = await self.appservices.caller(token, user_id=user_id, device_id=device_id)
            if asserted is not None:
                self.last_seen.note(asserted, info, now)
                return asserted
            known = await self._look_up(token_hash, now)
        if known.expires_ms is not None and known.expires_ms <= now:
            raise UnknownToken("This access token has expired.", soft=True)
        self.last_seen.note(known.caller, info, now)
        return known.caller

    def forget(self, user_id: UserID) -> None:
        """What the user's tokens stand for is looked up anew."""
        self._forgotten += 1
        for token_hash in self._of_user.pop(user_id, ()):
            self._known.pop(token_hash, None)
        for listener in self.listeners:
            listener(user_id)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Subscribes to the log: devices that any process deleted have no callers; accounts are what they became."""
        for entry in entries:
            if entry.kind in {ACCOUNT, DEVICE_LIST}:
                self.forget(UserID(entry.subject))

    async def _look_up(self, token_hash: TokenHash, now: int) -> _Known:
        forgotten = self._forgotten
        stored = await self.database.read(access_tokens.by_hash, token_hash)
        if stored is None:
            raise UnknownToken
        if stored.deactivated:
            raise Deactivated
        if stored.refresh_hash is not None and stored.replaces_another:
            # The first use of a refreshed token shows that it arrived: those before it are done for.
            await self.database.write(refresh_tokens.retire_before, stored.refresh_hash)
            self.forget(stored.user_id)
        has_expired = stored.has_ended(now)
        caller = Caller(
            stored.user_id,
            stored.device_id,
            stored.is_guest,
            stored.is_admin,
            stored.appservice_id,
            is_locked=stored.locked or has_expired,
            has_expired=has_expired and not stored.locked,
            is_suspended=stored.suspended,
            limits=None if stored.limits is None else stored_overrides(stored.limits),
        )
        fresh_until = now + FRESH_MS
        if stored.account_expires_ms is not None and stored.account_expires_ms > now:
            fresh_until = min(fresh_until, stored.account_expires_ms)
            self._watch(stored.user_id, stored.account_expires_ms, now)
        known = _Known(caller, stored.expires_ms, fresh_until)
        # Somebody's tokens were invalidated while this one was read: it may have been among them.
        return self._remember(token_hash, known) if forgotten == self._forgotten else known

    def _watch(self, user_id: UserID, ends_ms: int, now: int) -> None:
        """Whoever waits with a token of the account hears when it has ended, unless that is told before."""
        known_ms, timer = self._ends.get(user_id, (0, None))
        if ends_ms - now > SOON_MS or known_ms == ends_ms:
            return
        if timer is not None:
            timer.cancel()
        self._ends[user_id] = ends_ms, self.clock.callLater((ends_ms - now + 1) / 1000, self._end, user_id)

    def _end(self, user_id: UserID) -> None:
        del self._ends[user_id]
        self.forget(user_id)

    def _remember(self, token_hash: TokenHash, known: _Known) -> _Known:
        self._known[token_hash] = known
        self._known.move_to_end(token_hash)
        self._of_user.setdefault(known.caller.user_id, set()).add(token_hash)
        while len(self._known) > KNOWN_MAX:
            oldest, dropped = self._known.popitem(last=False)
            hashes = self._of_user.get(dropped.caller.user_id, set())
            hashes.discard(oldest)
            if not hashes:
                self._of_user.pop(dropped.caller.user_id, None)
        return known
