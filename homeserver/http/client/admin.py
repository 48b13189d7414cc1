"""
What the protocol lets administrators do to accounts.

Spec: client-server-api#server-administration
"""

from attrs import evolve, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.http.rows import Authentication
from homeserver.http.spec import CLIENT
from homeserver.services.administration.standing import Standing
from homeserver.services.administration.whois import WhoIs
from homeserver.services.callers import Caller

# The spec knows no administrators in its table, but says in words that these are for them alone, before anything else.
_BY = Authentication.SERVER_ADMIN


@frozen
class Locked:
    """Whether an account is locked."""

    locked: bool


@frozen
class Suspended:
    """Whether an account is suspended."""

    suspended: bool


@frozen
class AdminEndpoints:
    """Locking, suspending, looking up."""

    standing: Standing
    whois: WhoIs

    @operation("getWhoIs")
    async def who_is(self, caller: Caller, user_id: UserID) -> JSONObject:
        """From where the user was last seen.  Raises Forbidden, NotFound."""
        return await self.whois.of(caller, user_id)

    @operation(evolve(CLIENT["getAdminLockUser"], authentication=_BY))
    async def show_lock(self, caller: Caller, user_id: UserID) -> Locked:
        """Whether the account is locked.  Raises InvalidParameter, NotFound, Forbidden."""
        return Locked((await self.standing.told_to(caller, user_id)).locked)

    @operation(evolve(CLIENT["setAdminLockUser"], authentication=_BY))
    async def set_lock(self, caller: Caller, user_id: UserID, body: Locked) -> Locked:
        """The account is locked, or not any more.  Raises InvalidParameter, NotFound, Forbidden."""
        await self.standing.set_locked(caller, user_id, locked=body.locked)
        return body

    @operation(evolve(CLIENT["getAdminSuspendUser"], authentication=_BY))
    async def show_suspension(self, caller: Caller, user_id: UserID) -> Suspended:
        """Whether the account is suspended.  Raises InvalidParameter, NotFound, Forbidden."""
        return Suspended((await self.standing.told_to(caller, user_id)).suspended)

    @operation(evolve(CLIENT["setAdminSuspendUser"], authentication=_BY))
    async def set_suspension(self, caller: Caller, user_id: UserID, body: Suspended) -> Suspended:
        """The account is suspended, or not any more.  Raises InvalidParameter, NotFound, Forbidden."""
        await self.standing.set_suspended(caller, user_id, suspended=body.suspended)
        return body
