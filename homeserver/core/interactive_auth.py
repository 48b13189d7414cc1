"""
User-interactive authentication: flows of stages, and how far a client has come.

Facts.  An endpoint offers flows; a client completes the stages of one flow in order; a request without ``auth`` is
always answered with the flows.  A session ties the stages together and to one purpose: what was proved to change
a password deletes no device.

A session's ID is made by this server and proves it: it carries the operation, when it was issued, and keyed hashes
over these and the purpose.  So a first request costs no write and no memory, and every process knows a session that any
of them issued; what is stored is progress, and only in the middle of a flow.

A client that does not know a stage sends its user to a page, where the stage is taken without the client: what a page
proved is stored, too, in whatever order that happens, and counts once the client comes back with the session.

Spec: client-server-api#user-interactive-authentication-api
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from hashlib import blake2b
from itertools import takewhile
from typing import Final

from attrs import evolve, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.malformed import Malformed

DUMMY: Final = "m.login.dummy"
PASSWORD: Final = "m.login.password"
REGISTRATION_TOKEN: Final = "m.login.registration_token"
TERMS: Final = "m.login.terms"
EMAIL_IDENTITY: Final = "m.login.email.identity"

SESSION_LIFETIME_MS: Final = 30 * 60 * 1000
SESSION_ENTROPY_BYTES: Final = 12
_ISSUED_BYTES: Final = 6
_TAG_BYTES: Final = 15
_MARK_BYTES: Final = 12
_CLAIM_BYTES: Final = _ISSUED_BYTES + SESSION_ENTROPY_BYTES

Stage = str
Flow = tuple[Stage, ...]
Flows = tuple[Flow, ...]


@frozen
class Progress:
    """The stages that one session has completed, in order, and what they proved (``{stage: proof}``)."""

    completed: Flow = ()
    proofs: Mapping[Stage, str] = field(factory=dict)


@frozen
class Challenge:
    """What a client is told to do next; *errcode* and *error* when its last attempt at a stage failed."""

    session: str
    flows: Flows
    completed: Flow = ()
    params: Mapping[Stage, JSON] = field(factory=dict)
    errcode: str | None = None
    error: str | None = None

    def to_json(self) -> JSONObject:
        """The body of the 401.  Spec: client-server-api#user-interactive-api-in-the-rest-api"""
        body: JSONObject = {
            "session": self.session,
            "flows": [{"stages": list(flow)} for flow in self.flows],
            "params": dict(self.params),
        }
        if self.completed:
            body["completed"] = list(self.completed)
        if self.errcode is not None:
            body["errcode"] = self.errcode
            body["error"] = self.error or ""
        return body


@frozen
class Attempt:
    """The ``auth`` of a request: a try at one stage, or (*stage* is None) only a look at where the session stands."""

    stage: Stage | None
    session: str | None
    fields: JSONObject


def parse_attempt(auth: object) -> Attempt:
    """Raises Malformed unless *auth* is an authentication object.  Spec: client-server-api#authentication-types"""
    if not isinstance(auth, dict):
        raise Malformed("This must be an object.", "auth")
    stage, session = auth.get("type"), auth.get("session")
    if stage is not None and not isinstance(stage, str):
        raise Malformed("This must be a string.", "auth.type")
    if session is not None and not isinstance(session, str):
        raise Malformed("This must be a string.", "auth.session")
    if stage is None and session is None:
        raise Malformed("This needs a type or a session.", "auth", "M_MISSING_PARAM")
    return Attempt(stage, session, auth)


def is_complete(flows: Flows, progress: Progress) -> bool:
    """Whether some flow has all its stages completed."""
    return progress.completed in flows


def open_stages(flows: Flows, progress: Progress) -> frozenset[Stage]:
    """The stages that may come next: flows are walked in order.  Empty when the flows are complete."""
    done = len(progress.completed)
    return frozenset(flow[done] for flow in flows if len(flow) > done and flow[:done] == progress.completed)


def advance(progress: Progress, stage: Stage, proof: str = "") -> Progress:
    """Progress with one more stage completed."""
    proofs = {**progress.proofs, stage: proof}
    return evolve(progress, completed=(*progress.completed, stage), proofs=proofs)


def walked(flows: Flows, proofs: Mapping[Stage, str]) -> Progress:
    """How far *proofs*, in whatever order they came, lead along the flow that they lead along the farthest."""
    return Progress(max((_prefix(flow, proofs) for flow in flows), key=len), proofs)


def _prefix(flow: Flow, proofs: Mapping[Stage, str]) -> Flow:
    return tuple(takewhile(proofs.__contains__, flow))


def issue_session(secret: bytes, purpose: str, now_ms: int, entropy: bytes) -> str:
    """A session ID for *purpose*, whose first word is the operation; good for SESSION_LIFETIME_MS."""
    operation = _operation(purpose)
    claim = now_ms.to_bytes(_ISSUED_BYTES, "big") + entropy
    whole = claim + _tag(secret, purpose, claim) + _mark(secret, operation, claim)
    return f"{operation}.{urlsafe_b64encode(whole).decode()}"


def is_session(secret: bytes, purpose: str, now_ms: int, session: str) -> bool:
    """Whether *session* was issued by this server, for *purpose*, and is still good."""
    if operation_of(secret, now_ms, session) != _operation(purpose):
        return False
    whole = urlsafe_b64decode(session.rpartition(".")[2])
    tag = whole[_CLAIM_BYTES : _CLAIM_BYTES + _TAG_BYTES]
    return hmac.compare_digest(tag, _tag(secret, purpose, whole[:_CLAIM_BYTES]))


def operation_of(secret: bytes, now_ms: int, session: str) -> str | None:
    """What the session is for, as far as it says itself; None: this server did not issue it, or too long ago."""
    operation, _, text = session.rpartition(".")
    try:
        whole = urlsafe_b64decode(text.encode("ascii"))
    except (NotBase64, UnicodeEncodeError, ValueError):
        return None
    if len(whole) != _CLAIM_BYTES + _TAG_BYTES + _MARK_BYTES:
        return None
    claim, mark = whole[:_CLAIM_BYTES], whole[-_MARK_BYTES:]
    issued_ms = int.from_bytes(claim[:_ISSUED_BYTES], "big")
    is_good = hmac.compare_digest(mark, _mark(secret, operation, claim)) and now_ms < issued_ms + SESSION_LIFETIME_MS
    return operation if is_good else None


def client_secret_of(secret: bytes, session: str) -> str:
    """With what the page of a session asks for mail, in the place of the client: nobody else can make it."""
    return blake2b(session.encode(), key=secret, digest_size=_TAG_BYTES, person=b"folkmoot-uiapg").hexdigest()


def _operation(purpose: str) -> str:
    return purpose.partition(" ")[0]


def _tag(secret: bytes, purpose: str, claim: bytes) -> bytes:
    return blake2b(claim + purpose.encode(), key=secret, digest_size=_TAG_BYTES, person=b"folkmoot-uia").digest()


def _mark(secret: bytes, operation: str, claim: bytes) -> bytes:
    text = claim + operation.encode("utf-8", "replace")
    return blake2b(text, key=secret, digest_size=_MARK_BYTES, person=b"folkmoot-uiaop").digest()
