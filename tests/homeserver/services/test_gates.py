"""Tests of homeserver/services/gates.py."""

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from homeserver.services.gates import Gates


class GatesTests(TestCase):
    """What many want at once is done by one."""

    def setUp(self) -> None:
        self.gates = Gates()
        self.begun: list[str] = []
        self.done: list[tuple[str, bool]] = []

    async def want(self, name: str, key: str, work: "Deferred[None]") -> None:
        async with self.gates.enter(key) as is_first:
            self.begun.append(name)
            if is_first:
                await work
            self.done.append((name, is_first))

    def test_others_wait_for_the_first(self) -> None:
        """Nobody else begins before the first is through; who wants something else does not wait."""
        work: Deferred[None] = Deferred()
        for name, key in (("a", "x"), ("b", "x"), ("c", "x"), ("d", "y")):
            ensureDeferred(self.want(name, key, work if name == "a" else Deferred()))
        self.assertEqual(["a", "d"], self.begun)
        work.callback(None)

        self.assertEqual([("a", True), ("b", False), ("c", False)], self.done)

    def test_a_first_that_fails_holds_nobody_up(self) -> None:
        """The others find that nothing was done, and the next to come is a first."""
        work: Deferred[None] = Deferred()
        failing = ensureDeferred(self.want("a", "x", work))
        ensureDeferred(self.want("b", "x", Deferred()))
        work.errback(ValueError("no"))
        ensureDeferred(self.want("c", "x", Deferred()))

        self.failureResultOf(failing, ValueError)
        self.assertEqual([("b", False)], self.done)
        self.assertEqual(["a", "b", "c"], self.begun)
