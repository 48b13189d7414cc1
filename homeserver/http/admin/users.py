"""Accounts."""

from typing import Annotated, Final, Literal, TypeAlias

from attrs import field, frozen

from homeserver.core.account_queries import SEARCH_CHARACTERS_MAX, AccountOrder, AccountOutline, AccountQuery
from homeserver.core.identifiers import UserID
from homeserver.core.mail.addresses import folded_address
from homeserver.core.malformed import Malformed
from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest
from homeserver.core.registration import parse_password
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.replies import Empty
from homeserver.http.rows import Query
from homeserver.services.administration.accounts import AccountChange, AccountDetails, AccountRequest, Accounts
from homeserver.services.administration.standing import Standing
from homeserver.services.callers import Caller

Medium: TypeAlias = Literal["email", "msisdn"]
Direction: TypeAlias = Literal["ascending", "descending"]


def parse_search(text: str) -> str:
    """What accounts are searched for.  Raises Malformed."""
    if not text or len(text) > SEARCH_CHARACTERS_MAX or "\0" in text:
        raise Malformed(f"A search has 1 to {SEARCH_CHARACTERS_MAX} characters.", code="M_INVALID_PARAM")
    return text


Search: TypeAlias = Annotated[str, parse_search]


@frozen
class PasswordBody:
    """A new password."""

    password: str = field(repr=False)
    """The new password."""
    logout_devices: bool = True
    """Whether the user is logged out everywhere."""


@frozen
class DeactivationBody:
    """How an account ends."""

    erase: bool = False
    """Whether the user is to be forgotten as well."""


@frozen
class ReactivationBody:
    """How an account comes back."""

    password: str | None = field(default=None, repr=False)
    """Without one, nobody can log in by password."""


@frozen
class LockBody:
    """Whether an account can be used."""

    locked: bool
    """Whether the account can be used for nothing but logging out."""


@frozen
class SuspensionBody:
    """Whether an account may act."""

    suspended: bool
    """Whether the account may look on only."""


@frozen
class AddressBody:
    """An address."""

    medium: Medium
    """What kind of address it is."""
    address: str
    """The address, or the telephone number with its country code."""


@frozen
class CreatedUser:
    """An account that was made."""

    user_id: UserID


_QUERY: Final = (
    *PAGE,
    Query("search", about="Part of a user ID, a display name or an address."),
    Query("guests", "boolean", about="Only guests; or with false, only others."),
    Query("admins", "boolean", about="Only administrators; or others."),
    Query("deactivated", "boolean", about="Only deactivated accounts; or living ones."),
    Query("locked", "boolean", about="Only locked accounts; or others."),
    Query("suspended", "boolean", about="Only suspended accounts; or others."),
    Query("order_by", about="What the accounts are ordered by."),
    Query("direction", about="Which end of the order comes first."),
)


@frozen
class UserEndpoints:
    """Accounts."""

    accounts: Accounts
    standing: Standing

    @admin("listUsers", "GET", "/users", "users list", query=_QUERY)
    async def list_users(
        self,
        from_: Token = None,
        limit: Limit = LIMIT_DEFAULT,
        search: Search | None = None,
        guests: bool | None = None,
        admins: bool | None = None,
        deactivated: bool | None = None,
        locked: bool | None = None,
        suspended: bool | None = None,
        order_by: AccountOrder = "user_id",
        direction: Direction = "ascending",
    ) -> Page[AccountOutline]:
        """All accounts, or those that are searched for."""
        query = AccountQuery(
            search, guests, admins, deactivated, locked, suspended, order_by, direction == "descending"
        )
        return await self.accounts.page(query, PageRequest(from_, limit))

    @admin("createUser", "POST", "/users", "users create", body=True)
    async def create_user(self, body: AccountRequest) -> CreatedUser:
        """An account is made, whether or not registration is open.  Raises Taken, WeakPassword, Malformed."""
        if body.password is not None:
            parse_password(body.password)
        return CreatedUser(await self.accounts.create(body))

    @admin("showUser", "GET", "/users/{userId}", "users show")
    async def show_user(self, user_id: UserID) -> AccountDetails:
        """All that is known of an account.  Raises NotFound."""
        return await self.accounts.details(user_id)

    @admin("editUser", "PUT", "/users/{userId}", "users edit", body=True)
    async def edit_user(self, caller: Caller, user_id: UserID, body: AccountChange) -> AccountDetails:
        """Name, picture, kind, or the right to administer change.  Raises NotFound, Malformed, Forbidden."""
        await self.accounts.edit(caller, user_id, body)
        return await self.accounts.details(user_id)

    @admin("setPassword", "PUT", "/users/{userId}/password", "users set-password", body=True)
    async def set_password(self, user_id: UserID, body: PasswordBody) -> Empty:
        """The account has another password.  Raises NotFound, WeakPassword, BadState."""
        password = parse_password(body.password)
        await self.accounts.set_password(user_id, password, logout_devices=body.logout_devices)
        return Empty()

    @admin("lockUser", "PUT", "/users/{userId}/lock", "users lock", body=True)
    async def lock_user(self, caller: Caller, user_id: UserID, body: LockBody) -> Empty:
        """The account can be used for nothing but logging out, or again for all.  Raises NotFound, Forbidden."""
        await self.standing.set_locked(caller, user_id, locked=body.locked)
        return Empty()

    @admin("suspendUser", "PUT", "/users/{userId}/suspension", "users suspend", body=True)
    async def suspend_user(self, caller: Caller, user_id: UserID, body: SuspensionBody) -> Empty:
        """The account may look on only, or act again.  Raises NotFound, Forbidden."""
        await self.standing.set_suspended(caller, user_id, suspended=body.suspended)
        return Empty()

    @admin("deactivateUser", "POST", "/users/{userId}/deactivate", "users deactivate", body=True)
    async def deactivate_user(self, caller: Caller, user_id: UserID, body: DeactivationBody) -> Empty:
        """Nobody can log in to the account any more, and it leaves all its rooms.  Raises NotFound, Forbidden."""
        await self.accounts.deactivate(caller, user_id, erase=body.erase)
        return Empty()

    @admin("reactivateUser", "POST", "/users/{userId}/reactivate", "users reactivate", body=True)
    async def reactivate_user(self, user_id: UserID, body: ReactivationBody) -> Empty:
        """A deactivated account can be used again, without what it lost.  Raises NotFound, BadState, WeakPassword."""
        password = None if body.password is None else parse_password(body.password)
        await self.accounts.reactivate(user_id, password)
        return Empty()

    @admin("addAddress", "POST", "/users/{userId}/threepids", "users add-address", body=True)
    async def add_address(self, user_id: UserID, body: AddressBody) -> Empty:
        """An address is the user's, without further proof.  Raises NotFound, BadState, InvalidParameter, Malformed."""
        await self.accounts.add_address(user_id, body.medium, folded_address(body.medium, _address(body.address)))
        return Empty()

    @admin("removeAddress", "DELETE", "/users/{userId}/threepids/{medium}/{address}", "users remove-address")
    async def remove_address(self, user_id: UserID, medium: Medium, address: str) -> Empty:
        """An address is not the user's any more.  Raises NotFound."""
        await self.accounts.remove_address(user_id, medium, folded_address(medium, address))
        return Empty()


def _address(text: str) -> str:
    if not text or len(text) > 512:
        raise Malformed("An address has 1 to 512 characters.", "address", "M_INVALID_PARAM")
    return text
