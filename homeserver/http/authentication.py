"""
Who speaks: each kind of authentication in the spec's table has one Authenticator, plugged in by the composition root.

Access tokens are checked here; servers' signatures by the federation package.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from attrs import frozen

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.http.incoming import Incoming
from homeserver.http.parameters import parse_device_id
from homeserver.http.rows import Authentication, Row
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.refusals import Expired, Forbidden, Locked, MissingToken, Suspended


class Authenticator(Protocol):
    """Says whom a request speaks for."""

    async def authenticate(self, incoming: Incoming) -> object:
        """A ``Caller``, or for servers' signatures the peer's ``ServerName``.  Raises a Refusal, or Malformed."""


Authenticators: TypeAlias = Mapping[Authentication, Authenticator]


class AccessTokens(Protocol):
    """What the accounts know of tokens."""

    async def caller(
        self, token: str, info: RequestInfo, *, user_id: UserID | None, device_id: DeviceID | None
    ) -> Caller:
        """
        The account of *token*, seen now.  Raises UnknownToken, Deactivated; Forbidden, Exclusive.

        *user_id* and *device_id*: whom an application service asks to speak for; None: its own user.  An ordinary
        client's are ignored.  Spec: application-service-api#identity-assertion
        """


@frozen
class AccessTokenAuthenticator:
    """Access tokens of clients and application services.  Spec: client-server-api#using-access-tokens"""

    tokens: AccessTokens

    async def authenticate(self, incoming: Incoming) -> Caller:
        token = access_token(incoming)
        if token is None:
            raise MissingToken
        return await self._caller(incoming, token)

    async def _caller(self, incoming: Incoming, token: str) -> Caller:
        asserted_user = incoming.query.get("user_id")
        # The second as in proposal 3202, which it came from.
        asserted_device = incoming.query.get("device_id") or incoming.query.get("org.matrix.msc3202.device_id")
        return await self.tokens.caller(
            token,
            incoming.info,
            # As it is: what is no user ID is nobody's of the application service, and of others it means nothing.
            user_id=UserID(asserted_user[0]) if asserted_user and asserted_user[0] else None,
            device_id=parse_device_id(asserted_device[0]) if asserted_device else None,
        )


@frozen
class OptionalAccessTokenAuthenticator:
    """The same for operations that also answer strangers: no token, no caller; a bad token is refused."""

    required: AccessTokenAuthenticator

    async def authenticate(self, incoming: Incoming) -> Caller | None:
        if access_token(incoming) is None:
            return None
        return await self.required.authenticate(incoming)


@frozen
class AppserviceTokenAuthenticator:
    """Access tokens of application services only."""

    required: AccessTokenAuthenticator

    async def authenticate(self, incoming: Incoming) -> Caller:
        caller = await self.required.authenticate(incoming)
        if caller.appservice_id is None:
            raise Forbidden("Only application services may do this.")
        return caller


@frozen
class AdminAuthenticator:
    """Access tokens of administrators of this server."""

    required: AccessTokenAuthenticator

    async def authenticate(self, incoming: Incoming) -> Caller:
        caller = await self.required.authenticate(incoming)
        check_lock(caller)
        if not caller.is_admin:
            raise Forbidden("Only administrators of this server may do this.")
        return caller


def token_authenticators(tokens: AccessTokens) -> dict[Authentication, Authenticator]:
    """The authenticators of everything that access tokens open."""
    required = AccessTokenAuthenticator(tokens)
    return {
        Authentication.ACCESS_TOKEN: required,
        Authentication.OPTIONAL_ACCESS_TOKEN: OptionalAccessTokenAuthenticator(required),
        Authentication.APPSERVICE_TOKEN: AppserviceTokenAuthenticator(required),
        Authentication.SERVER_ADMIN: AdminAuthenticator(required),
    }


def access_token(incoming: Incoming) -> str | None:
    """The token of a request; None when it has none."""
    header = incoming.header(b"authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        # Another scheme (a proxy's Basic) is none of ours.
        return token.strip() or None if scheme.lower() == "bearer" else None
    # Deprecated since v1.11, and still what older clients send.
    values = incoming.query.get("access_token")
    return values[0] or None if values else None


GUESTS_MAY = frozenset(
    {
        "getRoomState", "getEventContext", "getOneRoomEvent", "getRoomStateWithKey", "getRoomEvents",
        "getMembersByRoom", "roomInitialSync", "sync", "getEvents", "peekEvents", "getContentAuthed",
        "getContentOverrideNameAuthed", "getContentThumbnailAuthed", "joinRoomById", "leaveRoom", "sendMessage",
        "setRoomStateWithKey", "sendToDevice", "setProfileField", "deleteProfileField", "getDevices", "getDevice",
        "updateDevice", "getTokenOwner", "uploadKeys", "queryKeys", "claimKeys",
        # NOTSPEC: what clients ask before and around these, and may not be refused without breaking them.
        "getVersions", "getCapabilities", "defineFilter", "getFilter", "getPushRules", "joinRoom", "getJoinedRooms",
        "logout", "logout_all", "deactivateAccount", "register",
    }
)  # fmt: skip
"""By operation ID.  Spec: client-server-api#guest-access"""

LOCKED_MAY = frozenset({"logout", "logout_all"})
"""By operation ID.  Spec: client-server-api#account-locking"""

SUSPENDED_MAY_NOT = frozenset(
    {
        "joinRoom", "joinRoomById", "knockRoom", "inviteUser", "inviteBy3PID", "kick", "ban", "unban",
        "createRoom", "upgradeRoom", "setRoomAlias", "deleteRoomAlias", "setRoomVisibilityOnDirectory",
        "setProfileField", "deleteProfileField", "setTyping", "uploadContent", "uploadContentToMXC", "createContent",
        "delete3pidFromAccount", "unbind3pidFromAccount",
        # Messages, state and redactions depend on what they say: ``Sending`` refuses them.
    }
)  # fmt: skip
"""By operation ID.  Spec: client-server-api#account-suspension"""


def check_lock(caller: Caller) -> None:
    """Raises Locked, or Expired, where the account can be used for nothing."""
    if caller.is_locked:
        raise Expired if caller.has_expired else Locked


def check_standing(caller: Caller, row: Row) -> None:
    """Raises Locked or Suspended where an administrator has taken this from the account."""
    if row.id not in LOCKED_MAY:
        check_lock(caller)
    if caller.is_suspended and row.id in SUSPENDED_MAY_NOT:
        raise Suspended
