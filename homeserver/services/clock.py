"""The clock that services are given: the reactor, or in tests ``twisted.internet.task.Clock``."""

from collections.abc import Callable
from typing import Any, Protocol


class Delayed(Protocol):
    """A call that is going to be made."""

    def cancel(self) -> None:
        """It will not be made."""

    def active(self) -> bool:
        """Whether it is still going to be made."""


class Clock(Protocol):
    """Tells the time, and calls later."""

    def seconds(self) -> float:
        """Seconds since 1970, and parts of them."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: Any, **kw: Any) -> Any:
        """*callable* is called after *delay* seconds; answers a ``Delayed``."""


def now_ms(clock: Clock) -> int:
    """Milliseconds since 1970: the time as the protocol writes it."""
    return int(clock.seconds() * 1000)
