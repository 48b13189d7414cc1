"""All accounts of this server: found, made, changed, ended and brought back."""

from collections.abc import Sequence
from typing import Final

import structlog
from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from homeserver.core.account_queries import AccountOutline, AccountQuery
from homeserver.core.identifiers import ServerName, UserID, user_id_of
from homeserver.core.log import ACCOUNT
from homeserver.core.pages import Page, PageRequest, page_of
from homeserver.core.profiles import AVATAR_URL, DISPLAY_NAME
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.deactivation import Deactivation
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.passwords import Passwords
from homeserver.services.ports import Appservices
from homeserver.services.profiles import Profiles
from homeserver.services.refusals import BadState, Forbidden, InvalidParameter, NotFound, Reserved, Taken
from homeserver.store import account_lists, memberships, profiles, rate_limit_overrides, threepids, users
from homeserver.store.database import Database
from homeserver.store.threepids import OwnedAddress
from homeserver.store.users import NewAccount, User
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

USER_TYPE_CHARACTERS_MAX: Final = 64


@frozen
class AccountDetails:
    """All that is known of an account."""

    user_id: UserID
    created_ms: int
    is_guest: bool
    is_admin: bool
    deactivated: bool
    erased: bool
    """Deactivated with the wish to be forgotten."""
    locked: bool
    suspended: bool
    has_password: bool
    """Whether somebody can log in by password."""
    threepids: list[OwnedAddress]
    """Addresses that are the user's."""
    joined_rooms: int
    """How many rooms the user is joined to."""
    has_own_limits: bool
    """Whether the account has rate limits of its own."""
    appservice_id: str | None = None
    """The application service it belongs to."""
    user_type: str | None = None
    """What administrators call accounts of its kind."""
    display_name: str | None = None
    avatar_url: str | None = None


@frozen
class AccountRequest:
    """An account that an administrator wants."""

    username: str
    """The part before the colon; or the whole user ID."""
    password: str | None = field(default=None, repr=False)
    """Without one, nobody can log in by password."""
    is_admin: bool = False
    display_name: str | None = None
    user_type: str | None = None
    """What you call accounts of its kind."""


@frozen
class AccountChange:
    """What is to be different; what is left out stays."""

    display_name: str | None = None
    """Empty: none."""
    avatar_url: str | None = None
    """An mxc:// URI; empty: none."""
    is_admin: bool | None = None
    """Whether the user administers this server."""
    user_type: str | None = None
    """What you call accounts of its kind; empty: nothing."""


@define(eq=False)
class Accounts:
    """The accounts of this server, for its administrators."""

    server: ServerName
    database: Database
    clock: Clock
    hashes: PasswordHashes
    passwords: Passwords
    profiles: Profiles
    deactivation: Deactivation
    appservices: Appservices
    reserved: Sequence[UserID] = ()
    """Names that nobody gets, as those of the server's own accounts."""
    _leaving: dict[UserID, "Deferred[None]"] = field(init=False, factory=dict)
    """Ended accounts that are still on their way out of their rooms."""

    async def page(self, query: AccountQuery, wanted: PageRequest) -> Page[AccountOutline]:
        """Accounts that *query* finds, in its order.  Raises Malformed."""
        key = wanted.key(str if query.order_by == "user_id" else int, str)
        after = None if key is None else (key[0], str(key[1]))
        rows = await self.database.scan(account_lists.page, query, after, wanted.limit + 1)
        total = await self.database.scan(account_lists.count, query)
        last = None
        if rows:
            outline, place = rows[: wanted.limit][-1]
            last = (place, outline.user_id)
        return page_of([outline for outline, _ in rows], total, wanted.limit, last)

    async def details(self, user_id: UserID) -> AccountDetails:
        """The account.  Raises NotFound."""
        user = await self.existing(user_id)
        profile = await self.database.read(profiles.of_user, user_id)
        return AccountDetails(
            user_id=user.user_id,
            created_ms=user.created_ms,
            is_guest=user.is_guest,
            is_admin=user.is_admin,
            deactivated=user.deactivated,
            erased=user.erased,
            locked=user.locked,
            suspended=user.suspended,
            has_password=user.password_hash is not None,
            threepids=await self.database.read(threepids.of_user, user_id),
            joined_rooms=await self.database.read(memberships.joined_count, user_id),
            has_own_limits=await self.database.read(rate_limit_overrides.of_user, user_id) is not None,
            appservice_id=user.appservice_id,
            user_type=user.user_type,
            display_name=_text(profile.get(DISPLAY_NAME)),
            avatar_url=_text(profile.get(AVATAR_URL)),
        )

    async def existing(self, user_id: UserID) -> User:
        """The account as it is stored.  Raises NotFound."""
        user = await self.database.read(users.by_id, user_id)
        if user is None:
            raise NotFound(f"There is no account {user_id}.")
        return user

    async def create(self, wanted: AccountRequest) -> UserID:
        """The account is there, open or not.  Raises Taken, Reserved, WeakPassword, Malformed."""
        user_id = self.user_id(wanted.username)
        if user_id in self.reserved or self.appservices.is_reserved(user_id, None):
            raise Reserved
        _check_user_type(wanted.user_type)
        password_hash = None
        if wanted.password is not None:
            self.hashes.check_policy(wanted.password)
            password_hash = await self.hashes.make(wanted.password)
        account = NewAccount(user_id, password_hash, now_ms(self.clock), is_admin=wanted.is_admin)
        await self.database.write(write_account, account, wanted.user_type)
        if wanted.display_name:
            await self._set_profile(user_id, DISPLAY_NAME, wanted.display_name)
        return user_id

    async def edit(self, admin: Caller, user_id: UserID, change: AccountChange) -> None:
        """
        The account is as *change* says.

        Raises NotFound, Malformed, BadState; Forbidden to administrators who would resign.
        """
        user = await self.existing(user_id)
        _check_user_type(change.user_type)
        if change.is_admin is False and user_id == admin.user_id:
            raise Forbidden("Another administrator has to take this right from you.")
        if change.is_admin and (user.is_guest or user.deactivated or user.locked or user.suspended):
            raise BadState("Guests, and accounts that are deactivated, locked or suspended, administer nothing.")
        if change.is_admin is not None or change.user_type is not None:
            await self.database.write(_edit, user_id, change.is_admin, change.user_type)
            self.deactivation.sessions.forget(user_id)
        if change.display_name is not None:
            await self._set_profile(user_id, DISPLAY_NAME, change.display_name)
        if change.avatar_url is not None:
            await self._set_profile(user_id, AVATAR_URL, change.avatar_url)

    async def set_password(self, user_id: UserID, password: str, *, logout_devices: bool) -> None:
        """The account has this password; *logout_devices*: and no device.  Raises NotFound, BadState, WeakPassword."""
        self._require_living(await self.existing(user_id))
        self.hashes.check_policy(password)
        await self.passwords.set(user_id, password, keep=None, logout_devices=logout_devices)

    async def deactivate(self, admin: Caller, user_id: UserID, *, erase: bool) -> None:
        """
        Nobody logs in to the account any more, and soon it is in no room.  Raises NotFound, Forbidden.

        The way out of many rooms takes a while, and is gone on after a restart.
        """
        await self.existing(user_id)
        if user_id == admin.user_id:
            raise Forbidden("Another administrator has to end your account.")
        await self.deactivation.begin(user_id, erase=erase)
        if user_id not in self._leaving:
            leaving = Deferred.fromCoroutine(self.deactivation.room_members.leave_all(user_id))
            self._leaving[user_id] = leaving
            leaving.addErrback(_report, user_id).addBoth(self._has_left, user_id)

    async def reactivate(self, user_id: UserID, password: str | None) -> None:
        """A deactivated account can be used again, without what it lost.  Raises NotFound, BadState, WeakPassword."""
        await self.existing(user_id)
        password_hash = None
        if password is not None:
            self.hashes.check_policy(password)
            password_hash = await self.hashes.make(password)
        if user_id in self._leaving:
            raise BadState("The account is still on its way out of its rooms; please wait.")
        if not await self.database.write(_reactivate, user_id, password_hash):
            raise BadState("The account is not deactivated.")

    async def add_address(self, user_id: UserID, medium: str, address: str) -> None:
        """The address is the user's, without further proof.  Raises NotFound, BadState, InvalidParameter."""
        self._require_living(await self.existing(user_id))
        now = now_ms(self.clock)
        if not await self.database.write(threepids.insert_new, user_id, OwnedAddress(medium, address, now, now)):
            raise InvalidParameter("This address is another user's.")

    async def remove_address(self, user_id: UserID, medium: str, address: str) -> None:
        """The address is not the user's any more.  Raises NotFound."""
        if not await self.database.write(threepids.delete_one, user_id, medium, address):
            raise NotFound("The user has no such address.")

    async def stop(self) -> None:
        """No account is in the middle of leaving a room; those that are not out of all go on at the next start."""
        leaving: Sequence[Deferred[None]] = tuple(self._leaving.values())
        for each in leaving:
            each.cancel()
        await DeferredList(leaving)

    def user_id(self, username: str) -> UserID:
        """The user of this server whom an administrator calls so.  Raises Malformed."""
        name = username.removesuffix(f":{self.server}").removeprefix("@") if username.startswith("@") else username
        return user_id_of(name.lower(), self.server)

    def _has_left(self, _: object, user_id: UserID) -> None:
        self._leaving.pop(user_id, None)

    async def _set_profile(self, user_id: UserID, name: str, value: str) -> None:
        await self.profiles.set_field(Caller(user_id, None), user_id, name, value)

    def _require_living(self, user: User) -> None:
        if user.deactivated:
            raise BadState("The account is deactivated.")


def write_account(tx: Write, account: NewAccount, user_type: str | None = None) -> None:
    """The account is there.  Raises Taken."""
    if not users.insert_new(tx, account):
        raise Taken(f"There is an account {account.user_id} already.")
    if user_type:
        users.set_user_type(tx, account.user_id, user_type)
    tx.log(ACCOUNT, account.user_id)


def _edit(tx: Write, user_id: UserID, is_admin: bool | None, user_type: str | None) -> None:
    if is_admin is not None:
        users.set_admin(tx, user_id, is_admin=is_admin)
    if user_type is not None:
        users.set_user_type(tx, user_id, user_type or None)
    tx.log(ACCOUNT, user_id)


def _reactivate(tx: Write, user_id: UserID, password_hash: str | None) -> bool:
    if not users.reactivate(tx, user_id, password_hash):
        return False
    tx.log(ACCOUNT, user_id)
    return True


def _check_user_type(user_type: str | None) -> None:
    if user_type is not None and len(user_type) > USER_TYPE_CHARACTERS_MAX:
        raise InvalidParameter(f"A user type has at most {USER_TYPE_CHARACTERS_MAX} characters.")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _report(failure: Failure, user_id: UserID) -> None:
    # A stop cancels it, and the next start goes on; whatever else it was is tried again then, too.
    log.warning("an ended account is not out of all rooms", user=user_id, reason=failure.getErrorMessage())
