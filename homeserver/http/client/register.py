"""
Accounts are made.

Spec: client-server-api#legacy-account-registration
"""

from typing import Literal

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID
from homeserver.core.registration import parse_device_name, parse_password
from homeserver.http.authentication import access_token
from homeserver.http.bodies import body_parser
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.sessions import SessionReply, session_reply
from homeserver.services.callers import RequestInfo
from homeserver.services.refusals import MissingToken
from homeserver.services.registration import NewUser, Registration
from homeserver.services.sessions import NewSession

APPLICATION_SERVICE = "m.login.application_service"


@frozen
class RegisterBody:
    """Who wants an account, and the first session of it."""

    auth: JSON = None
    username: str | None = None
    password: str | None = None
    device_id: DeviceID | None = None
    initial_device_display_name: str | None = None
    inhibit_login: bool = False
    refresh_token: bool = False
    type: str | None = None
    guest_access_token: str | None = None


@frozen
class Availability:
    available: bool


@frozen
class Validity:
    valid: bool


_parse_body = body_parser(RegisterBody)


@frozen
class RegisterEndpoints:
    """Registration."""

    registration: Registration

    @operation("register")
    async def register(
        self, info: RequestInfo, incoming: Incoming, body: JSONObject, kind: Literal["guest", "user"] = "user"
    ) -> SessionReply:
        """
        An account is made and, unless inhibited, logged in.

        Raises Taken, Reserved, Forbidden, WeakPassword, InteractiveAuthRequired.
        """
        if kind == "guest":
            # The rest of the body must be ignored, so it is not even parsed.
            name = parse_device_name(body.get("initial_device_display_name"))
            return session_reply(await self.registration.register_guest(NewSession(display_name=name), info))
        wanted: RegisterBody = _parse_body(body)
        if wanted.type == APPLICATION_SERVICE:
            return await self._register_for_appservice(wanted, incoming, info)
        return session_reply(await self.registration.register(_new_user(wanted), wanted.auth, info))

    @operation("checkUsernameAvailability")
    async def check_username_availability(self, username: str) -> Availability:
        """Says that a name is free.  Raises Taken, Reserved, Malformed."""
        await self.registration.check_available(username)
        return Availability(available=True)

    @operation("registrationTokenValidity")
    async def registration_token_validity(self, token: str) -> Validity:
        """Says whether a registration token would do now.  Raises Forbidden."""
        return Validity(await self.registration.is_token_valid(token))

    async def _register_for_appservice(
        self, wanted: RegisterBody, incoming: Incoming, info: RequestInfo
    ) -> SessionReply:
        token = access_token(incoming)
        if token is None:
            raise MissingToken
        return session_reply(await self.registration.register_for_appservice(_new_user(wanted), token, info))


def _new_user(body: RegisterBody) -> NewUser:
    session = NewSession(
        device_id=body.device_id,
        display_name=parse_device_name(body.initial_device_display_name),
        refreshable=body.refresh_token,
    )
    return NewUser(
        username=body.username or None,
        password=None if body.password is None else parse_password(body.password),
        session=None if body.inhibit_login else session,
        guest_token=body.guest_access_token,
    )
