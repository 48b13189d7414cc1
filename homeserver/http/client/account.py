"""
The caller's own account.

Spec: client-server-api#legacy-account-management
"""

from typing import Literal

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.registration import parse_password
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.deactivation import Deactivation
from homeserver.services.passwords import Passwords
from homeserver.services.third_party_ids import OwnedAddress, ThirdPartyIDs


@frozen
class Whoami:
    user_id: UserID
    device_id: DeviceID | None = None
    is_guest: bool | None = None


@frozen
class PasswordBody:
    new_password: str
    logout_devices: bool = True
    auth: JSON = None


@frozen
class DeactivateBody:
    erase: bool = False
    auth: JSON = None
    id_server: str | None = None


@frozen
class Deactivated:
    id_server_unbind_result: Literal["success", "no-support"]


@frozen
class ThirdPartyID:
    medium: str
    address: str
    validated_at: int
    added_at: int


@frozen
class ThirdPartyIDList:
    threepids: list[ThirdPartyID]


@frozen
class AccountEndpoints:
    """Who the caller is, and what they may do to their account."""

    passwords: Passwords
    deactivation: Deactivation
    third_party_ids: ThirdPartyIDs

    @operation("getTokenOwner")
    async def token_owner(self, caller: Caller) -> Whoami:
        """Whom the token speaks for.  Spec: client-server-api#get_matrixclientv3accountwhoami"""
        return Whoami(caller.user_id, caller.device_id, caller.is_guest)

    @operation("changePassword")
    async def change_password(self, caller: Caller | None, info: RequestInfo, body: PasswordBody) -> Empty:
        """The account has another password.  Raises WeakPassword, InteractiveAuthRequired."""
        new = parse_password(body.new_password, "new_password")
        await self.passwords.change(caller, new, body.auth, info, logout_devices=body.logout_devices)
        return Empty()

    @operation("deactivateAccount")
    async def deactivate(self, caller: Caller | None, info: RequestInfo, body: DeactivateBody) -> Deactivated:
        """Nobody logs in to the account any more.  Raises InteractiveAuthRequired."""
        unbound = await self.deactivation.deactivate(
            caller, body.auth, info, erase=body.erase, id_server=body.id_server
        )
        return Deactivated("success" if unbound else "no-support")

    @operation("getAccount3PIDs")
    async def list_third_party_ids(self, caller: Caller) -> ThirdPartyIDList:
        """The addresses that were proved to be the caller's."""
        return ThirdPartyIDList(
            [_third_party_id(owned) for owned in await self.third_party_ids.of_user(caller.user_id)]
        )


def _third_party_id(owned: OwnedAddress) -> ThirdPartyID:
    return ThirdPartyID(owned.medium, owned.address, owned.validated_ms, owned.added_ms)
