"""Stages that need nothing but the store: the password, a registration token, the terms, and nothing at all."""

from attrs import define, frozen

from homeserver.core import interactive_auth as uia
from homeserver.core.canonical import JSONObject, encode_json
from homeserver.core.identifiers import UserID
from homeserver.core.interactive_auth import Attempt
from homeserver.core.malformed import Malformed
from homeserver.core.registration import is_registration_token
from homeserver.core.terms import Policy, policies_json
from homeserver.core.user_identifiers import UserName, parse_identifier
from homeserver.services.clock import Clock, now_ms
from homeserver.services.credentials import Credentials
from homeserver.services.refusals import Forbidden, UnknownAddress
from homeserver.services.stages.stage import Request
from homeserver.store import registration_tokens
from homeserver.store.database import Database


@frozen
class Dummy:
    """Proves nothing, for what needs no proof.  Spec: client-server-api#dummy-auth"""

    name: str = uia.DUMMY

    def params(self) -> JSONObject | None:
        return None

    async def prove(self, request: Request, attempt: Attempt) -> str:
        return ""


@define(eq=False)
class Password:
    """Proves whose account it is: the proof is the user ID.  Spec: client-server-api#password-based"""

    credentials: Credentials
    name: str = uia.PASSWORD

    def params(self) -> JSONObject | None:
        return None

    async def prove(self, request: Request, attempt: Attempt) -> UserID:
        """
        Raises Forbidden, UnknownAddress, TooSoon; Malformed.

        Whose an address is shows in neither: another user's is answered as nobody's is.
        """
        password = attempt.fields.get("password")
        if not isinstance(password, str):
            raise Malformed("This is required.", "auth.password", "M_MISSING_PARAM")
        identifier = parse_identifier(attempt.fields)
        if request.user_id is not None and await self.credentials.user_of(identifier) != request.user_id:
            raise Forbidden("This is another user's password.") if isinstance(identifier, UserName) else UnknownAddress
        try:
            return await self.credentials.check(identifier, password, request.info.client_ip)
        except Forbidden as refusal:
            if request.user_id is not None or isinstance(identifier, UserName):
                raise
            raise UnknownAddress from refusal


@define(eq=False)
class RegistrationToken:
    """Proves that an administrator lets somebody in.  Spec: client-server-api#token-authenticated-registration"""

    database: Database
    clock: Clock
    name: str = uia.REGISTRATION_TOKEN

    def params(self) -> JSONObject | None:
        return None

    async def prove(self, request: Request, attempt: Attempt) -> str:
        """Raises Forbidden; Malformed."""
        token = attempt.fields.get("token")
        if token is None:
            raise Malformed("This is required.", "auth.token", "M_MISSING_PARAM")
        if isinstance(token, str) and is_registration_token(token):
            known = await self.database.read(registration_tokens.by_token, token)
            if known is not None and known.is_valid(now_ms(self.clock)):
                return token
        raise Forbidden("This registration token is not good, or no longer.")


@frozen
class Terms:
    """
    Proves that policies were accepted: the proof is ``{policy: version}``, as JSON.

    Spec: client-server-api#terms-of-service-at-registration
    """

    policies: tuple[Policy, ...]
    name: str = uia.TERMS

    def params(self) -> JSONObject:
        return {"policies": policies_json(self.policies)}

    async def prove(self, request: Request, attempt: Attempt) -> str:
        """Raises Forbidden."""
        if attempt.session is None:
            # Sessions are given out together with the policies: who has none has seen none.
            raise Forbidden("The terms must have been shown before they are accepted.")
        return encode_json({policy.id: policy.version for policy in self.policies}).decode()
