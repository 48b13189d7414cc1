"""Tests of federation/services/destinations.py."""

from twisted.internet.task import Clock

from federation.services.destinations import Destinations
from federation.services.settings import RetrySettings
from homeserver.core.identifiers import ServerName
from tests.databases import DatabaseCase, each_database

TWO = ServerName("two.example")


@each_database
class DestinationTests(DatabaseCase):
    """Which servers answer."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.clock.advance(1000)
        self.told: list[ServerName] = []
        self.destinations = self.begin()

    def begin(self) -> Destinations:
        destinations = Destinations(self.database, self.clock, RetrySettings(10, 100), lambda: 0.5)
        destinations.follow(self.told.append)
        return destinations

    async def test_a_server_that_fails_is_left_alone_for_a_while(self) -> None:
        """Longer after each failure; others are not concerned."""
        self.assertTrue(self.destinations.may_try(TWO))
        for seconds in (10, 20, 40, 80, 100, 100):
            await self.destinations.failed(TWO)
            self.clock.advance(seconds - 1)
            self.assertFalse(self.destinations.may_try(TWO))
            self.clock.advance(1)
            self.assertTrue(self.destinations.may_try(TWO))
        self.assertTrue(self.destinations.may_try(ServerName("three.example")))

    async def test_outages_survive_a_restart(self) -> None:
        """With their beginning and the next attempt; what has ended is gone."""
        await self.destinations.failed(TWO)
        again = self.begin()
        await again.load()
        outage = again.outage(TWO)
        assert outage is not None
        self.assertEqual((1, 1_000_000, 1_010_000), (outage.failures, outage.since_ms, outage.retry_at_ms))

        await again.reached(TWO)
        last = self.begin()
        await last.load()
        self.assertIsNone(last.outage(TWO))

    async def test_a_sign_of_life_ends_the_wait(self) -> None:
        """Who waits for the server is told."""
        for seconds in (10, 20, 40):
            await self.destinations.failed(TWO)
            self.clock.advance(seconds)
        await self.destinations.failed(TWO)
        self.clock.advance(10)
        self.told.clear()
        self.assertFalse(self.destinations.may_try(TWO))
        self.destinations.heard_from(TWO)

        self.assertTrue(self.destinations.may_try(TWO))
        self.assertEqual([TWO], self.told)
