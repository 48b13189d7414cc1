"""Waiting for others, and not longer than a client wants to."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar, cast

import structlog
from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.python.failure import Failure

from homeserver.services.clock import Clock
from homeserver.services.ports import PeerFault, PeerUnreachable

log = structlog.get_logger(__name__)

T = TypeVar("T")
K = TypeVar("K")


async def at_most(seconds: float, clock: Clock, peer: str, work: Coroutine[Any, Any, T]) -> T:
    """
    What *work* answers, or PeerUnreachable when that takes longer than *seconds*.

    The work itself goes on: giving up on it would look as if the peer had failed.
    """
    result: Deferred[T] = Deferred()
    Deferred.fromCoroutine(work).addBoth(_hand_over, result)
    # Cancelled at the end of the time, it is told nothing more.
    result.addTimeout(seconds, cast(Any, clock))
    try:
        return await result
    except TimeoutError as error:
        raise PeerUnreachable(peer, "it takes too long to answer") from error


async def all_of(keys: Iterable[K], ask: Callable[[K], Coroutine[Any, Any, T]]) -> list[tuple[K, T | Exception]]:
    """What *ask* answers for each key, all at once; where a peer fails, how."""

    async def one(key: K) -> tuple[K, T | Exception]:
        try:
            return key, await ask(key)
        except (PeerUnreachable, PeerFault) as error:
            return key, error

    asked = [Deferred.fromCoroutine(one(key)) for key in keys]
    return await cast("Awaitable[list[tuple[K, T | Exception]]]", gatherResults(asked, consumeErrors=True))


def _hand_over(outcome: T | Failure, result: "Deferred[T]") -> None:
    if result.called:
        if isinstance(outcome, Failure) and not outcome.check(PeerUnreachable, PeerFault):
            log.error("a request to a peer failed after its time was over", failure=outcome.getTraceback())
        return
    if isinstance(outcome, Failure):
        result.errback(outcome)
    else:
        result.callback(outcome)
