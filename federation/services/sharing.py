"""Work that several ask for at once and that is done once, or by one after the other."""

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredLock
from twisted.python.failure import Failure

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@define(eq=False)
class Shared(Generic[K, V]):
    """Whoever asks for a key while its work is under way gets the same result, or the same exception."""

    _waiting: dict[K, list[Deferred[V]]] = field(init=False, factory=dict)

    async def run(self, key: K, work: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The result of *work*, which is started unless work for *key* is under way; cancelling does not stop it."""
        result: Deferred[V] = Deferred()
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(result)
            return await result
        self._waiting[key] = [result]
        Deferred.fromCoroutine(work()).addBoth(self._finish, key)
        return await result

    def _finish(self, result: V | Failure, key: K) -> None:
        for waiter in self._waiting.pop(key):
            if waiter.called:
                continue  # cancelled
            if isinstance(result, Failure):
                waiter.errback(result)
            else:
                waiter.callback(result)


@frozen(eq=False)
class Turn(Generic[K]):
    """A block that is entered by one at a time for each *key*; who waits is let in in order."""

    locks: dict[K, DeferredLock]
    key: K

    async def __aenter__(self) -> None:
        await self.locks.setdefault(self.key, DeferredLock()).acquire()

    async def __aexit__(self, *_: object) -> None:
        lock = self.locks[self.key]
        lock.release()
        # Whoever waited may have come and gone by now, and taken it away.
        if not lock.locked and self.locks.get(self.key) is lock:
            del self.locks[self.key]
