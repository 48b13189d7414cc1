"""Tests of federation/services/sharing.py."""

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.trial.unittest import SynchronousTestCase

from federation.services.sharing import Shared, Turn


class SharedTests(SynchronousTestCase):
    """Work that several ask for at once."""

    def setUp(self) -> None:
        self.shared: Shared[str, int] = Shared()
        self.begun: list[Deferred[int]] = []

    async def work(self) -> int:
        self.begun.append(Deferred())
        return await self.begun[-1]

    def ask(self, key: str) -> "Deferred[int]":
        return Deferred.fromCoroutine(self.shared.run(key, self.work))

    def test_it_is_done_once_for_all_who_wait(self) -> None:
        """And once more for who comes later; other keys are other work."""
        first, second, other = self.ask("a"), self.ask("a"), self.ask("b")
        self.assertEqual(2, len(self.begun))
        self.begun[0].callback(5)
        self.assertEqual((5, 5), (self.successResultOf(first), self.successResultOf(second)))
        self.assertNoResult(other)
        self.ask("a")

        self.assertEqual(3, len(self.begun))

    def test_all_who_wait_learn_of_a_failure(self) -> None:
        """The same for each."""
        first, second = self.ask("a"), self.ask("a")
        self.begun[0].errback(ValueError())

        self.failureResultOf(first, ValueError)
        self.failureResultOf(second, ValueError)

    def test_who_gives_up_does_not_stop_the_work(self) -> None:
        """Neither the one who began it nor another."""
        first, second, third = self.ask("a"), self.ask("a"), self.ask("a")
        first.cancel()
        third.cancel()
        self.begun[0].callback(5)

        self.failureResultOf(first, CancelledError)
        self.failureResultOf(third, CancelledError)
        self.assertEqual(5, self.successResultOf(second))


class TurnTests(SynchronousTestCase):
    """Blocks that are entered one at a time."""

    def test_who_waited_may_be_done_at_once(self) -> None:
        """One after the other, in order, and nothing is kept of a key that nobody wants."""
        locks: dict[str, DeferredLock] = {}
        held: Deferred[None] = Deferred()
        entered: list[int] = []

        async def enter(number: int, until: "Deferred[None] | None" = None) -> None:
            async with Turn(locks, "key"):
                entered.append(number)
                if until is not None:
                    await until

        whole = [Deferred.fromCoroutine(enter(0, held)), *(Deferred.fromCoroutine(enter(each)) for each in (1, 2))]
        self.assertEqual([0], entered)
        held.callback(None)
        for each in whole:
            self.successResultOf(each)

        self.assertEqual([0, 1, 2], entered)
        self.assertEqual({}, locks)
