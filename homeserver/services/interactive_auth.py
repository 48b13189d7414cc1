"""
User-interactive authentication, for every operation that asks for it.

Spec: client-server-api#user-interactive-authentication-api
"""

from collections.abc import Callable, Mapping, Sequence
from os import urandom
from typing import Final

from attrs import define, evolve, field

from homeserver.core import interactive_auth as uia
from homeserver.core.canonical import JSON
from homeserver.core.interactive_auth import Attempt, Challenge, Flows, Progress
from homeserver.services.callers import RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import AddressNotProved, Forbidden, InteractiveAuthRequired, SessionExpired
from homeserver.services.stages.stage import Request, Stage
from homeserver.store import uia_sessions
from homeserver.store.database import Database
from homeserver.store.write import Write

__all__ = ["AT_ONCE", "BY_PASSWORD", "InteractiveAuth", "Request"]

BY_PASSWORD: Final[Flows] = ((uia.PASSWORD,),)
AT_ONCE: Final[Flows] = ((uia.DUMMY,),)
"""For what needs no proof, and still is not done by a first request."""


@define(eq=False)
class InteractiveAuth:
    """
    Leads clients through the flows.

    *secret*: the same in every process of the server.  *stages*: all that can be proved here; an operation whose flow
    names another is a mistake of ours.
    """

    secret: bytes
    database: Database
    clock: Clock
    stages: Sequence[Stage]
    random: Callable[[int], bytes] = urandom
    _by_name: Mapping[str, Stage] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._by_name = {stage.name: stage for stage in self.stages}

    async def complete(self, request: Request, auth: JSON) -> Progress:
        """
        The stages of a whole flow, with what they proved; *auth* is from the body (None, or empty: there is none).

        Raises InteractiveAuthRequired while stages are missing, Malformed; TooSoon.
        """
        if auth is None or auth == {}:
            raise InteractiveAuthRequired(self._challenge(request, self._issue(request), Progress()))
        attempt = uia.parse_attempt(auth)
        session = self._session_of(request, attempt)
        stored = progress = await self._progress(request, attempt, session)
        challenge = self._challenge(request, session, progress)
        if attempt.stage is not None and attempt.stage not in progress.completed:
            progress = await self._attempt(request, attempt, progress, challenge)
            if not uia.is_complete(request.flows, progress):
                await self._keep(request, session, progress)
        if not uia.is_complete(request.flows, progress):
            raise InteractiveAuthRequired(self._challenge(request, session, progress))
        if stored.completed and not await self.database.write(uia_sessions.take, session):
            # What was proved is good for one request, and another one was there first.
            raise InteractiveAuthRequired(self._challenge(request, session, Progress()))
        return progress

    def operation_of(self, session: str) -> str:
        """What the client of a session wants to do.  Raises SessionExpired."""
        operation = uia.operation_of(self.secret, now_ms(self.clock), session)
        if operation is None:
            raise SessionExpired
        return operation

    async def is_proved(self, session: str, stage: str) -> bool:
        """Whether the stage of the session was taken."""
        return stage in (await self.database.read(uia_sessions.progress, session)).proofs

    def stage_called(self, name: str) -> Stage | None:
        """The stage of that name; None: it cannot be taken here."""
        return self._by_name.get(name)

    async def prove_aside(self, session: str, attempt: Attempt, info: RequestInfo) -> None:
        """
        A stage is taken without the client of the session, which learns of it when it comes back.

        Raises SessionExpired; what the stage raises.  Spec: client-server-api#fallback
        """
        assert attempt.stage is not None, "a page is of a stage"
        request = Request(self.operation_of(session), (), info)
        proof = await self._by_name[attempt.stage].prove(request, attempt)
        await self.database.write(_note, session, request.purpose, attempt.stage, proof, now_ms(self.clock))

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
            proof = await self._by_name[attempt.stage].prove(request, attempt)
        except Forbidden as refusal:
            raise _failed(challenge, "M_FORBIDDEN", refusal.reason) from refusal
        except AddressNotProved as refusal:
            raise _failed(challenge, "M_THREEPID_AUTH_FAILED", refusal.reason) from refusal
        return uia.advance(progress, attempt.stage, proof)

    # Progress is stored only in the middle of a flow, and when it was made on a page: most flows have one stage.

    async def _progress(self, request: Request, attempt: Attempt, session: str) -> Progress:
        if attempt.session is None or (attempt.stage is not None and max(map(len, request.flows)) < 2):
            return Progress()
        stored = await self.database.read(uia_sessions.progress, session)
        # On a page, anybody may have given a password: it must be that of the one whose request it is.
        proofs = {
            stage: proof
            for stage, proof in stored.proofs.items()
            if stage != uia.PASSWORD or request.user_id in {None, proof}
        }
        return uia.walked(request.flows, proofs)

    async def _keep(self, request: Request, session: str, progress: Progress) -> None:
        stage = progress.completed[-1]
        await self.database.write(_note, session, request.purpose, stage, progress.proofs[stage], now_ms(self.clock))

    def _issue(self, request: Request) -> str:
        entropy = self.random(uia.SESSION_ENTROPY_BYTES)
        return uia.issue_session(self.secret, request.whole_purpose, now_ms(self.clock), entropy)

    def _challenge(self, request: Request, session: str, progress: Progress) -> Challenge:
        named = {stage for flow in request.flows for stage in flow}
        params = {stage: shown for stage in named if (shown := self._by_name[stage].params()) is not None}
        return Challenge(session, request.flows, progress.completed, params)


def _note(tx: Write, session: str, purpose: str, stage: str, proof: str, now: int) -> None:
    """The session has one more stage, beside those that a page may be adding at the same time."""
    progress = uia_sessions.progress(tx.connection, session)
    if stage not in progress.proofs:
        progress = uia.advance(progress, stage, proof)
    else:
        progress = evolve(progress, proofs={**progress.proofs, stage: proof})
    uia_sessions.keep(tx, session, purpose, progress, now, uia.SESSION_LIFETIME_MS)


def _failed(challenge: Challenge, errcode: str, error: str) -> InteractiveAuthRequired:
    return InteractiveAuthRequired(evolve(challenge, errcode=errcode, error=error))
