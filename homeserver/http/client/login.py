"""
Sessions are opened, renewed and closed.

Spec: client-server-api#legacy-login
"""

from attrs import evolve, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID
from homeserver.core.malformed import Malformed
from homeserver.core.registration import parse_device_name, parse_password
from homeserver.core.user_identifiers import parse_identifier
from homeserver.http.authentication import access_token
from homeserver.http.bodies import body_parser
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.http.sessions import SessionReply, session_reply
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.logins import Logins
from homeserver.services.refusals import MissingToken
from homeserver.services.sessions import NewSession, Opened, Sessions

PASSWORD = "m.login.password"
TOKEN = "m.login.token"
APPLICATION_SERVICE = "m.login.application_service"


@frozen
class LoginFlow:
    type: str
    get_login_token: bool | None = None


@frozen
class LoginFlows:
    flows: tuple[LoginFlow, ...]


@frozen
class LoginBody:
    """What every kind of login has; the rest depends on *type*."""

    type: str
    device_id: DeviceID | None = None
    initial_device_display_name: str | None = None
    refresh_token: bool = False
    token: str | None = None


@frozen
class AuthBody:
    """A request that has nothing but its authentication."""

    auth: JSON = None


@frozen
class RefreshBody:
    refresh_token: str


@frozen
class LoginToken:
    login_token: str
    expires_in_ms: int


@frozen
class Refreshed:
    access_token: str
    refresh_token: str | None = None
    expires_in_ms: int | None = None


_parse_body = body_parser(LoginBody)
_FLOWS = LoginFlows((LoginFlow(PASSWORD), LoginFlow(TOKEN, get_login_token=True), LoginFlow(APPLICATION_SERVICE)))


@frozen
class LoginEndpoints:
    """Login."""

    logins: Logins
    flows: LoginFlows = field(default=_FLOWS)
    well_known: JSONObject | None = None
    """What autodiscovery tells clients; None: it is not known by which address they reach this server."""

    @operation("getLoginFlows")
    async def login_flows(self) -> LoginFlows:
        """The ways to log in."""
        return self.flows

    @operation("login")
    async def login(self, info: RequestInfo, incoming: Incoming, body: JSONObject) -> SessionReply:
        """A session is open.  Raises Forbidden, Deactivated, Exclusive, TooSoon."""
        wanted: LoginBody = _parse_body(body)
        session = NewSession(
            device_id=wanted.device_id,
            display_name=parse_device_name(wanted.initial_device_display_name),
            refreshable=wanted.refresh_token,
        )
        return evolve(
            session_reply(await self._open(wanted, body, session, info, incoming)), well_known=self.well_known
        )

    @operation("generateLoginToken")
    async def generate_login_token(self, caller: Caller, info: RequestInfo, body: AuthBody) -> LoginToken:
        """A token that logs one more client in, once.  Raises InteractiveAuthRequired."""
        token = await self.logins.make_token(caller, body.auth, info)
        return LoginToken(token.token, token.expires_in_ms)

    async def _open(
        self, wanted: LoginBody, body: JSONObject, session: NewSession, info: RequestInfo, incoming: Incoming
    ) -> Opened:
        if wanted.type == PASSWORD:
            password = body.get("password")
            if password is None:
                raise Malformed("This is required.", "password", "M_MISSING_PARAM")
            return await self.logins.by_password(parse_identifier(body), parse_password(password), session, info)
        if wanted.type == TOKEN:
            if wanted.token is None:
                raise Malformed("This is required.", "token", "M_MISSING_PARAM")
            return await self.logins.by_token(wanted.token, session, info)
        if wanted.type == APPLICATION_SERVICE:
            token = access_token(incoming)
            if token is None:
                raise MissingToken
            return await self.logins.by_appservice(token, parse_identifier(body), session, info)
        raise Malformed(f"Nobody logs in by {wanted.type!r} here.", "type", "M_UNKNOWN")


@frozen
class SessionEndpoints:
    """What becomes of a session.  Spec: client-server-api#refreshing-access-tokens"""

    sessions: Sessions

    @operation("refresh")
    async def refresh(self, body: RefreshBody) -> Refreshed:
        """New tokens for old.  Raises UnknownToken."""
        tokens = await self.sessions.refresh(body.refresh_token)
        return Refreshed(tokens.access_token, tokens.refresh_token, tokens.expires_in_ms)

    @operation("logout")
    async def logout(self, caller: Caller, incoming: Incoming) -> Empty:
        """The caller's device and its tokens are gone."""
        token = access_token(incoming)
        assert token is not None, "it was what told the caller"
        await self.sessions.close(caller, token)
        return Empty()

    @operation("logout_all")
    async def logout_all(self, caller: Caller) -> Empty:
        """All of the caller's devices and their tokens are gone."""
        await self.sessions.close_all(caller.user_id)
        return Empty()
