"""Tests of e2ee/services/patience.py: waiting for peers, within bounds."""

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from e2ee.services.patience import all_of, at_most
from homeserver.services.ports import PeerFault, PeerUnreachable


async def waiting_for(work: "Deferred[int]") -> int:
    return await work


class AtMostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.work: Deferred[int] = Deferred()
        self.result = ensureDeferred(at_most(2.0, self.clock, "peer", waiting_for(self.work)))

    def test_an_answer_in_time_is_handed_on(self) -> None:
        """And nothing is left running."""
        self.work.callback(1)

        self.assertEqual(1, self.successResultOf(self.result))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_who_takes_too_long_is_unreachable(self) -> None:
        """The work goes on, and nobody hears how it ends."""
        self.clock.advance(2)
        self.failureResultOf(self.result, PeerUnreachable)
        self.work.callback(1)

        self.assertEqual([], self.flushLoggedErrors())

    def test_a_fault_of_the_peer_comes_through(self) -> None:
        """While it is waited for; afterwards it is nobody's concern."""
        self.work.errback(PeerFault("peer", 500))

        self.failureResultOf(self.result, PeerFault)


class AllOfTests(SynchronousTestCase):
    def test_each_is_answered_or_fails_alone(self) -> None:
        """In the order in which they were asked for."""

        async def ask(key: int) -> int:
            if key == 2:
                raise PeerUnreachable("peer", "nobody is there")
            return 10 * key

        found = self.successResultOf(ensureDeferred(all_of([1, 2, 3], ask)))

        self.assertEqual([(1, 10), (3, 30)], [found[0], found[2]])
        self.assertIsInstance(found[1][1], PeerUnreachable)

    def test_our_own_mistakes_are_not_swallowed(self) -> None:
        """They are no failure of a peer."""

        async def ask(key: int) -> int:
            raise LookupError(key)

        self.failureResultOf(ensureDeferred(all_of([1], ask)))
