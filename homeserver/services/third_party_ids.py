"""
Addresses that were proved to be a user's.

Spec: client-server-api#adding-account-administrative-contact-information
"""

from typing import Final, Literal

from attrs import define, field

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.log import PUSHERS
from homeserver.core.mail.addresses import EMAIL, folded_address
from homeserver.core.mail.validation import Proven
from homeserver.core.pushers import EMAIL_APP_ID
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.interactive_auth import BY_PASSWORD, InteractiveAuth, Request
from homeserver.services.mail.validation import Validation
from homeserver.services.ports import Binding, Bindings
from homeserver.services.refusals import AddressInUse, AddressNotFound, AddressNotProved, InvalidParameter
from homeserver.store import digests, pushers, threepids, validation_sessions
from homeserver.store.database import Database
from homeserver.store.threepids import OwnedAddress
from homeserver.store.write import Write

__all__ = ["Binding", "NoBindings", "OwnedAddress", "ThirdPartyIDs", "UnbindResult", "claim_address"]

ADDRESSES_MAX: Final = 20
"""Of one account."""
UnbindResult = Literal["success", "no-support"]


class NoBindings:
    """This server asks no identity server for anything."""

    async def bind(self, user_id: UserID, binding: Binding) -> None:
        """It cannot be known whose the address is."""
        raise AddressNotProved("This server asks no identity server.")

    async def unbind(self, user_id: UserID, medium: str, address: str, id_server: str | None) -> bool:
        """It cannot be unbound from here."""
        return False

    async def unbind_all(self, user_id: UserID, id_server: str | None) -> bool:
        """None was bound from here."""
        return id_server is None


@define(eq=False)
class ThirdPartyIDs:
    """Lists, adds and removes addresses.  *validation* None: this server sends no mail, and nobody proves one."""

    database: Database
    clock: Clock
    interactive_auth: InteractiveAuth
    validation: Validation | None = None
    bindings: Bindings = field(factory=NoBindings)

    async def of_user(self, user_id: UserID) -> list[OwnedAddress]:
        """All addresses of the user."""
        return await self.database.read(threepids.of_user, user_id)

    async def add(self, caller: Caller, sid: str, client_secret: str, auth: JSON, info: RequestInfo) -> None:
        """
        The address that the session has proved is the caller's.

        Raises AddressNotProved, AddressInUse, InvalidParameter, InteractiveAuthRequired.
        """
        # What was proved to add one address adds no other.
        request = Request(f"add3PID {sid}", BY_PASSWORD, info, caller.user_id)
        await self.interactive_auth.complete(request, auth)
        if self.validation is None:
            raise AddressNotProved
        proven = await self.validation.proven_to_add(sid, client_secret)
        await self.database.write(_add, caller.user_id, proven, now_ms(self.clock))

    async def bind(self, caller: Caller, binding: Binding) -> None:
        """An identity server says that the address is the caller's.  Raises AddressNotProved."""
        await self.bindings.bind(caller.user_id, binding)

    async def remove(self, caller: Caller, medium: str, address: str, id_server: str | None) -> UnbindResult:
        """The address is not the caller's any more, nor written to.  Raises AddressNotFound."""
        folded = folded_address(medium, address)
        if not await self.database.write(_remove, caller.user_id, medium, folded):
            raise AddressNotFound
        is_unbound = await self.bindings.unbind(caller.user_id, medium, folded, id_server)
        return "success" if is_unbound else "no-support"


def claim_address(tx: Write, user_id: UserID, proven: Proven, now: int) -> None:
    """
    The address is the user's, and its proof is used up.

    Raises AddressNotProved when it was used before, AddressInUse when the address is somebody else's.
    """
    if not validation_sessions.take(tx, proven.sid):
        raise AddressNotProved("This confirmation was used already.")
    if not threepids.insert_new(tx, user_id, OwnedAddress(EMAIL, proven.address, proven.validated_ms, now)):
        raise AddressInUse


def _add(tx: Write, user_id: UserID, proven: Proven, now: int) -> None:
    if len(threepids.of_user(tx.connection, user_id)) >= ADDRESSES_MAX:
        raise InvalidParameter(f"An account has at most {ADDRESSES_MAX} addresses.")
    claim_address(tx, user_id, proven, now)


def _remove(tx: Write, user_id: UserID, medium: str, address: str) -> bool:
    if not threepids.delete_one(tx, user_id, medium, address):
        return False
    for pusher in pushers.of_user(tx.connection, user_id):
        if medium == EMAIL and pusher.kind == EMAIL and folded_address(EMAIL, pusher.pushkey) == address:
            pushers.delete(tx, user_id, EMAIL_APP_ID, pusher.pushkey)
            digests.delete_one(tx, user_id, EMAIL_APP_ID, pusher.pushkey)
            tx.log(PUSHERS, user_id)
    return True
