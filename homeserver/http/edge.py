"""
The edge: bytes to values, an endpoint, and back.

What comes in is refused as early as it can be: too large while it arrives, then unknown paths, unknown callers, callers
in a hurry, and last what is malformed.  Nothing that comes in may cost a 500.
"""

from collections.abc import Awaitable, Iterable, Mapping
from functools import lru_cache
from time import time
from typing import Any, BinaryIO, Final, Protocol

import structlog
from attrs import Factory, define, field
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, datetimeToString

from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed
from homeserver.http import errors
from homeserver.http.authentication import GUESTS_MAY, Authenticators, check_standing
from homeserver.http.incoming import Incoming
from homeserver.http.limits import RequestLimits
from homeserver.http.operation import Binding
from homeserver.http.replies import Answer, Content, Header, answer_of
from homeserver.http.request import EdgeRequest
from homeserver.http.routes import Found, Router
from homeserver.http.rows import Authentication, Row
from homeserver.services.callers import Caller
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import GuestsForbidden, Refusal

log = structlog.get_logger(__name__)

ALLOWED_HEADERS: Final = b"Access-Control-Allow-Headers"
CORS: Final = (
    (b"Access-Control-Allow-Origin", [b"*"]),
    (b"Access-Control-Allow-Methods", [b"GET, HEAD, POST, PUT, DELETE, OPTIONS"]),
    (ALLOWED_HEADERS, [b"X-Requested-With, Content-Type, Authorization"]),
)
"""Spec: client-server-api#web-browser-clients"""

_BODILESS: Final = frozenset({204, 304})
"""Answers of these statuses end with their head, which tells neither a length nor a type."""


class Audit(Protocol):
    """What is told of all that administrators change."""

    async def observe(
        self, row: Row, admin: Caller, incoming: Incoming, path_values: tuple[str, ...], doing: Awaitable[object]
    ) -> object:
        """What *doing* answers, once it is written down.  Raises what it raises."""


@define(eq=False)
class Edge:
    """Answers every request of every listener."""

    router: Router
    authenticators: Authenticators
    limits: RequestLimits
    failures: Mapping[type[Exception], Answer] = field(factory=dict)
    """What is answered where something that everybody needs fails, as a database that is down; it is logged, too."""
    audit: Audit | None = None
    """None: what administrators do is not written down."""
    _is_draining: bool = field(default=False, init=False)
    _running: dict[EdgeRequest, "Deferred[None]"] = field(default=Factory(dict), init=False)
    _waiting: dict[UserID, dict[EdgeRequest, Binding]] = field(default=Factory(dict), init=False)
    """Who waits for news."""

    def __attrs_post_init__(self) -> None:
        asked = {binding.row.authentication for binding in self.router.bindings if binding.asks_who}
        missing = asked - self.authenticators.keys()
        if missing:
            raise ValueError(f"nothing authenticates {', '.join(sorted(kind.value for kind in missing))}")

    def serve(self, request: EdgeRequest) -> None:
        """Answers, now or later."""
        if request.is_too_large:
            _write(request, errors.TOO_LARGE)
            return
        if self._is_draining:
            _write(request, errors.STOPPING)
            return
        if request.method == b"OPTIONS":
            # Spec: client-server-api#web-browser-clients: none of the endpoint's logic.
            _write(request, Answer(204, b"", self._more_allowed(request)))
            return
        running = Deferred.fromCoroutine(self._serve(request))
        running.addErrback(_failed_to_write, request)
        if not running.called:
            self._running[request] = running
            running.addBoth(lambda _: self._forget(request))
            if request.is_long_poll:
                request.notifyFinish().addErrback(lambda _: running.cancel())

    async def drain(self) -> None:
        """Every request that was accepted is answered; those that only wait for news are told to ask again."""
        self._is_draining = True
        for request, running in list(self._running.items()):
            if request.is_long_poll:
                running.cancel()
        await DeferredList(list(self._running.values()))

    def check_again(self, user_id: UserID) -> None:
        """Requests of the user that wait end at once if they would be refused now."""
        for request, binding in list(self._waiting.get(user_id, {}).items()):
            Deferred.fromCoroutine(self._check_again(request, binding)).addErrback(_failed_to_check)

    async def _check_again(self, request: EdgeRequest, binding: Binding) -> None:
        try:
            authenticator = self.authenticators[binding.row.authentication]
            caller = await authenticator.authenticate(Incoming(request, request.client_ip))
            assert isinstance(caller, Caller), "who waits has an account"
            check_standing(caller, binding.row)
        except Refusal as refusal:
            if request in self._running:
                request.refusal = refusal
                self._running[request].cancel()

    def _more_allowed(self, request: EdgeRequest) -> tuple[Header, ...]:
        """Which headers a browser may let a page send there, beside those that it may send everywhere."""
        method = request.requestHeaders.getRawHeaders(b"access-control-request-method", [b""])[-1]
        try:
            found = self.router.find(method, request.path)
        except Malformed:
            return ()
        names = found.route.binding.row.request_headers if isinstance(found, Found) else ()
        return ((ALLOWED_HEADERS, ", ".join(names).encode()),) if names else ()

    def _forget(self, request: EdgeRequest) -> None:
        del self._running[request]

    async def _serve(self, request: EdgeRequest) -> None:
        answer = await self._answer(request)
        if request.is_disconnected:
            if answer.stream is not None:
                _close_all(answer.stream)
        elif answer.stream is None:
            _write(request, answer)
        else:
            await _stream(request, answer, answer.stream)

    async def _answer(self, request: EdgeRequest) -> Answer:
        try:
            found = self.router.find(request.method, request.path)
            if isinstance(found, Found):
                return answer_of(await self._result(request, found))
            return errors.UNRECOGNIZED if found is None else errors.wrong_method(found.allowed)
        except (Malformed, Refusal, PeerFault, PeerUnreachable) as error:
            return errors.refused(error)
        except CancelledError:
            if request.refusal is not None:
                return errors.refused(request.refusal)
            if request.is_long_poll:
                return errors.STOPPING
            log.exception("a request was cancelled", path=request.path.decode("ascii", "replace"))
            return errors.OURS
        except Exception as error:
            log.exception("a request failed", path=request.path.decode("ascii", "replace"))
            return next((self.failures[each] for each in type(error).__mro__ if each in self.failures), errors.OURS)

    async def _result(self, request: EdgeRequest, found: Found) -> object:
        binding = found.route.binding
        row = binding.row
        request.is_long_poll = binding.long_poll
        incoming = Incoming(request, request.client_ip)
        speaker: object = None
        if binding.asks_who:
            speaker = request.speaker = await self.authenticators[row.authentication].authenticate(incoming)
        caller = speaker if isinstance(speaker, Caller) else None
        if caller is not None and caller.is_guest and not (row.guests_may or row.id in GUESTS_MAY):
            raise GuestsForbidden
        if caller is not None and (caller.is_locked or caller.is_suspended):
            check_standing(caller, row)
        self.limits.check(row, caller, incoming.client_ip)
        if row.authentication is Authentication.SERVER_ADMIN and self.audit is not None and row.method != "GET":
            assert caller is not None, "an administrator has an account"
            doing = _called(found, incoming, speaker)
            return await self.audit.observe(row, caller, incoming, found.values, doing)
        doing = _called(found, incoming, speaker)
        return await (
            self._waited(request, caller, binding, doing) if caller is not None and binding.long_poll else doing
        )

    async def _waited(self, request: EdgeRequest, caller: Caller, binding: Binding, doing: Awaitable[object]) -> object:
        """What *doing* answers; meanwhile it can be found that the request may wait no more."""
        waiting = self._waiting.setdefault(caller.user_id, {})
        waiting[request] = binding
        try:
            return await doing
        finally:
            del waiting[request]
            if not waiting:
                del self._waiting[caller.user_id]


async def _called(found: Found, incoming: Incoming, speaker: object) -> object:
    return await found.route.endpoint(*found.route.binding.arguments(incoming, speaker, found.values))


def _write_head(request: EdgeRequest, answer: Answer, length: int) -> None:
    request.setResponseCode(answer.code)
    headers = request.responseHeaders
    headers.setRawHeaders(b"Date", [_date(int(time()))])
    for name, values in CORS:
        headers.setRawHeaders(name, values)
    if answer.code not in _BODILESS:
        headers.setRawHeaders(b"Content-Type", [answer.content_type])
        headers.setRawHeaders(b"Content-Length", [b"%d" % length])
    for name, value in answer.headers:
        headers.addRawHeader(name, value)


@lru_cache(maxsize=2)
def _date(seconds: int) -> bytes:
    date: bytes = datetimeToString(seconds)
    return date


@lru_cache(maxsize=64)
def _common_head(code: int, content_type: bytes, seconds: int) -> bytes:
    """The head of an answer without headers of its own, up to the length."""
    lines = [
        b"HTTP/1.1 %d %s" % (code, RESPONSES.get(code, b"Unknown Status")),
        b"Date: " + _date(seconds),
        *(b"%s: %s" % (name, value) for name, values in CORS for value in values),
        b"Content-Type: " + content_type,
        b"Content-Length: ",
    ]
    return b"\r\n".join(lines)


def _write(request: EdgeRequest, answer: Answer) -> None:
    if request.takes_whole and not answer.headers and answer.code not in _BODILESS:
        # The hot path: as below, in one piece.
        head = _common_head(answer.code, answer.content_type, int(time()))
        request.answer_whole(answer.code, b"%s%d\r\n\r\n" % (head, len(answer.body)), answer.body)
        return
    _write_head(request, answer, len(answer.body))
    request.write(answer.body)
    request.finish()


async def _stream(request: EdgeRequest, answer: Answer, content: Content) -> None:
    try:
        _write_head(request, answer, content.length)
        for part in _parts_to_send(request, content):
            if isinstance(part, bytes):
                request.write(part)
            else:
                await FileSender().beginFileTransfer(part, request)
    finally:
        _close_all(content)
    if not request.is_disconnected:
        request.finish()


def _parts_to_send(request: EdgeRequest, content: Content) -> Iterable[bytes | BinaryIO]:
    return (b"",) if request.method == b"HEAD" else content.parts


def _close_all(content: Content) -> None:
    for part in content.parts:
        if not isinstance(part, bytes):
            part.close()


def _failed_to_check(failure: Failure) -> None:
    """The request goes on, and the next one is refused."""
    log.error("it could not be found out whether a request may still wait", failure=failure.getTraceback())


def _failed_to_write(failure: Failure, request: EdgeRequest) -> Any:
    """Whoever left in the middle of an answer is no fault of ours; anything else is logged, and ends the connection."""
    if not request.is_disconnected:
        log.error("an answer could not be written", failure=failure.getTraceback())
        request.loseConnection()
