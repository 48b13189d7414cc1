"""
User-interactive authentication, for every operation that asks for it.

Spec: client-server-api#user-interactive-authentication-api
"""

from collections.abc import Callable
from os import urandom
from typing import Final

from attrs import define, evolve, frozen

from homeserver.core import interactive_auth as uia
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.interactive_auth import Attempt, Challenge, Flows, Progress
from homeserver.core.malformed import Malformed
from homeserver.core.registration import is_registration_token
from homeserver.core.user_identifiers import parse_identifier
from homeserver.services.callers import RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.credentials import Credentials
from homeserver.services.refusals import Forbidden, InteractiveAuthRequired
from homeserver.store import registration_tokens, uia_sessions
from homeserver.store.database import Database

BY_PASSWORD: Final[Flows] = ((uia.PASSWORD,),)
AT_ONCE: Final[Flows] = ((uia.DUMMY,),)
"""For what needs no proof, and still is not done by a first request."""


@frozen
class Request:
    """
    What wants to be authenticated.

    *purpose*: the operation, and what it is done to; a session is good for one purpose.  *user_id*: whose password
    counts; None: anybody's, who is then known by it.
    """

    purpose: str
    flows: Flows
    info: RequestInfo
    user_id: UserID | None = None

    @property
    def whole_purpose(self) -> str:
        return f"{self.purpose} {self.user_id or ''}"


@define(eq=False)
class InteractiveAuth:
    """Leads clients through the flows.  *secret*: the same in every process of the server."""

    secret: bytes
    database: Database
    clock: Clock
    credentials: Credentials
    random: Callable[[int], bytes] = urandom

    async def complete(self, request: Request, auth: JSON) -> Progress:
        """
        The stages of a whole flow, with what they proved; *auth* is from the body (None: there is none).

        Raises InteractiveAuthRequired while stages are missing, Malformed; TooSoon.
        """
        if auth is None:
            raise InteractiveAuthRequired(self._challenge(request, self._issue(request), Progress()))
        attempt = uia.parse_attempt(auth)
        session = self._session_of(request, attempt)
        progress = await self._progress(request, session)
        challenge = self._challenge(request, session, progress)
        if attempt.stage is not None and attempt.stage not in progress.completed:
            progress = await self._attempt(request, attempt, progress, challenge)
            if not uia.is_complete(request.flows, progress):
                await self._keep(request, session, progress)
        if not uia.is_complete(request.flows, progress):
            raise InteractiveAuthRequired(self._challenge(request, session, progress))
        return progress

    def _session_of(self, request: Request, attempt: Attempt) -> str:
        if attempt.session is None:
            return self._issue(request)
        if uia.is_session(self.secret, request.whole_purpose, now_ms(self.clock), attempt.session):
            return attempt.session
        fresh = self._challenge(request, self._issue(request), Progress())
        raise _failed(fresh, "M_UNKNOWN", "This session is not known, or took too long; please begin again.")

    async def _attempt(self, request: Request, attempt: Attempt, progress: Progress, challenge: Challenge) -> Progress:
        assert attempt.stage is not None
        if attempt.stage not in uia.open_stages(request.flows, progress):
            raise _failed(challenge, "M_UNRECOGNIZED", f"{attempt.stage!r} is not a stage to take now.")
        try:
            proof = await self._prove(request, attempt)
        except Forbidden as refusal:
            raise _failed(challenge, "M_FORBIDDEN", refusal.reason) from refusal
        return uia.advance(progress, attempt.stage, proof)

    async def _prove(self, request: Request, attempt: Attempt) -> str:
        """What the stage proves.  Raises Forbidden when it does not."""
        match attempt.stage:
            case uia.PASSWORD:
                return await self._prove_password(request, attempt)
            case uia.REGISTRATION_TOKEN:
                return await self._prove_registration_token(attempt)
            case _:
                return ""

    async def _prove_password(self, request: Request, attempt: Attempt) -> UserID:
        password = attempt.fields.get("password")
        if not isinstance(password, str):
            raise Malformed("This is required.", "auth.password", "M_MISSING_PARAM")
        identifier = parse_identifier(attempt.fields)
        if request.user_id is not None and await self.credentials.user_of(identifier) != request.user_id:
            raise Forbidden("This is another user's password.")
        return await self.credentials.check(identifier, password, request.info.client_ip)

    async def _prove_registration_token(self, attempt: Attempt) -> str:
        token = attempt.fields.get("token")
        if token is None:
            raise Malformed("This is required.", "auth.token", "M_MISSING_PARAM")
        if isinstance(token, str) and is_registration_token(token):
            known = await self.database.read(registration_tokens.by_token, token)
            if known is not None and known.is_valid(now_ms(self.clock)):
                return token
        raise Forbidden("This registration token is not good, or no longer.")

    # Progress is stored only in the middle of a flow: most flows have one stage.

    async def _progress(self, request: Request, session: str) -> Progress:
        if max(map(len, request.flows)) < 2:
            return Progress()
        return await self.database.read(uia_sessions.progress, session)

    async def _keep(self, request: Request, session: str, progress: Progress) -> None:
        await self.database.write(
            uia_sessions.keep, session, request.purpose, progress, now_ms(self.clock), uia.SESSION_LIFETIME_MS
        )

    def _issue(self, request: Request) -> str:
        entropy = self.random(uia.SESSION_ENTROPY_BYTES)
        return uia.issue_session(self.secret, request.whole_purpose, now_ms(self.clock), entropy)

    def _challenge(self, request: Request, session: str, progress: Progress) -> Challenge:
        return Challenge(session, request.flows, progress.completed)


def _failed(challenge: Challenge, errcode: str, error: str) -> InteractiveAuthRequired:
    return InteractiveAuthRequired(evolve(challenge, errcode=errcode, error=error))
