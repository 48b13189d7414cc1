"""
The application services of this server, and whom they may speak for.

Spec: application-service-api#identity-assertion
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.appservices.registration import Registration
from homeserver.core.identifiers import DeviceID, RoomAlias, UserID
from homeserver.core.log import ACCOUNT, DEVICE_LIST, LogEntry
from homeserver.core.tokens import TokenHash, hash_of
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import Deactivated, Forbidden, UnknownDevice
from homeserver.store import appservices, devices, users
from homeserver.store.database import Database, Snapshot
from homeserver.store.users import NewAccount
from homeserver.store.write import Write

KNOWN_MAX: Final = 50_000
"""Users that are remembered to have accounts."""
FRESH_MS: Final = 60_000
"""How long another process may have locked an account out before this one knows, at the utmost."""


@define(eq=False)
class _Known:
    fresh_until_ms: int
    account: "_Account"


@define(eq=False)
class Roster:
    """Implements ``ports.Appservices``.  ``start`` comes first; to subscribe to the database."""

    registrations: Sequence[Registration]
    database: Database
    clock: Clock
    _by_token: dict[TokenHash, Registration] = field(init=False)
    _by_id: dict[str, Registration] = field(init=False)
    _known: OrderedDict[UserID, _Known] = field(init=False, factory=OrderedDict)

    def __attrs_post_init__(self) -> None:
        self._by_token = {hash_of(each.as_token): each for each in self.registrations}
        self._by_id = {each.id: each for each in self.registrations}

    async def start(self) -> None:
        """Each has the account of its own user, and nothing is kept of those that are connected no more."""
        told = [each.id for each in self.registrations if each.url is not None]
        await self.database.write(_settle, self.registrations, told, now_ms(self.clock))

    def of_id(self, appservice_id: str) -> Registration | None:
        """The one of this ID."""
        return self._by_id.get(appservice_id)

    async def caller(self, token: str, *, user_id: UserID | None, device_id: DeviceID | None) -> Caller | None:
        """
        Whom the token of an application service speaks for; None: it is no such token.

        Raises Forbidden, Deactivated, UnknownDevice.
        """
        if not self._by_token:
            return None
        registration = self._by_token.get(hash_of(token))
        if registration is None:
            return None
        speaker = registration.sender if user_id is None else user_id
        if not registration.owns(speaker):
            raise Forbidden("This user is not in the namespaces of this application service.")
        account = await self._account(speaker)
        if device_id is not None and device_id not in account.devices:
            raise UnknownDevice
        return Caller(
            speaker,
            device_id,
            is_admin=account.is_admin,
            appservice_id=registration.id,
            is_rate_limited=registration.rate_limited and speaker != registration.sender,
            is_locked=account.is_locked,
            is_suspended=account.is_suspended,
        )

    def is_reserved(self, user_id: UserID, appservice_id: str | None) -> bool:
        """Whether the name lies in a namespace that is another application service's alone (None: any's)."""
        return any(each.id != appservice_id and each.owns_exclusively(user_id) for each in self.registrations)

    def owns(self, appservice_id: str, user_id: UserID) -> bool:
        """Whether the name lies in a namespace of this application service."""
        registration = self._by_id.get(appservice_id)
        return registration is not None and registration.owns(user_id)

    def is_alias_reserved(self, alias: RoomAlias, appservice_id: str | None) -> bool:
        """
        Whether the alias is not to be made or deleted by this application service (None: by a user).

        Spec: application-service-api#server-admin-style-permissions
        """
        if any(each.id != appservice_id and _reserves(each, alias) for each in self.registrations):
            return True
        registration = None if appservice_id is None else self._by_id.get(appservice_id)
        return registration is not None and not registration.holds_alias(alias)

    def follow(self, entries: Iterable[LogEntry]) -> None:
        """Users whose devices or accounts changed are looked up afresh."""
        for entry in entries:
            if entry.kind in {ACCOUNT, DEVICE_LIST}:
                self._known.pop(UserID(entry.subject), None)

    async def _account(self, user_id: UserID) -> "_Account":
        known, now = self._known.get(user_id), now_ms(self.clock)
        if known is not None and known.fresh_until_ms > now:
            return known.account
        account = await self.database.read(_account_of, user_id)
        if account is None:
            raise Forbidden("This user is not registered.")
        if account.deactivated:
            raise Deactivated
        self._known[user_id] = _Known(now + FRESH_MS, account)
        self._known.move_to_end(user_id)
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return account


@frozen
class _Account:
    is_admin: bool
    is_locked: bool
    is_suspended: bool
    deactivated: bool
    devices: frozenset[DeviceID]


def _account_of(tx: Snapshot, user_id: UserID) -> _Account | None:
    user = users.by_id(tx, user_id)
    if user is None:
        return None
    own = frozenset(devices.ids_of(tx, user_id))
    return _Account(user.is_admin, user.locked, user.suspended, user.deactivated, own)


def _reserves(registration: Registration, alias: RoomAlias) -> bool:
    return any(namespace.exclusive and namespace.holds(alias) for namespace in registration.namespaces.aliases)


def _settle(tx: Write, registrations: Sequence[Registration], told: Sequence[str], now: int) -> None:
    appservices.forget_all_but(tx, {each.id for each in registrations}, told)
    for each in registrations:
        users.insert_new(tx, NewAccount(each.sender, None, now, appservice_id=each.id))
