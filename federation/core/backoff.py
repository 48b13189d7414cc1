"""
When to try an unreachable server again.

The wait doubles with each failure, from the least to the longest that the settings allow.
"""

from attrs import evolve, frozen

from homeserver.core.backoff import wait_ms


@frozen
class Outage:
    """
    A server that did not answer: *failures* in a row since *since_ms*.

    *failed_ms*: when the last of them failed.  Until *retry_at_ms* nothing is sent to it.
    """

    failures: int
    since_ms: int
    failed_ms: int
    retry_at_ms: int


def after_failure(outage: Outage | None, now_ms: int, min_ms: int, max_ms: int, jitter: float) -> Outage:
    """
    The outage after one more failure; None: the server was reachable until now.

    A failure of a request that had been under way before the last one failed does not count again.
    """
    if outage is None:
        return Outage(1, now_ms, now_ms, now_ms + wait_ms(1, min_ms, max_ms, jitter))
    if now_ms < outage.retry_at_ms:
        return outage
    failures = outage.failures + 1
    return Outage(failures, outage.since_ms, now_ms, now_ms + wait_ms(failures, min_ms, max_ms, jitter))


def after_sign_of_life(outage: Outage, min_ms: int) -> Outage:
    """
    The outage of a server that has sent something itself: it is tried again at once.

    Not sooner than the least wait after the last failure, though: a server may reach us and not be reached.
    """
    return evolve(outage, retry_at_ms=min(outage.retry_at_ms, outage.failed_ms + min_ms))
