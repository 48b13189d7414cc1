"""Tests of ``tests/waiting.py``."""

import time
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from homeserver.core.log import ACCOUNT_DATA
from homeserver.store.write import Write
from tests import waiting
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database
from tests.waiting import at_rest, is_busy, turn, until


def slow_write(tx: Write, number: int) -> int:
    time.sleep(0.05)
    tx.log(ACCOUNT_DATA, ALICE)
    return number


@each_database
class Waiting(DatabaseCase):
    async def test_time_stands_still_while_something_is_on_its_way(self) -> None:
        """A virtual timeout is not over because of slow writes, reads and threads, one begun by the other."""
        clock = Clock()
        done: list[int] = []
        late: list[int] = []
        clock.callLater(0.02, lambda: late.extend(done))

        async def work() -> None:
            for number in range(2):
                done.append(await self.database.write_long(slow_write, number))
                await self.database.read(lambda tx: None)
                done.append(await deferToThread(slow_write, _Nowhere(), number))  # type: ignore[arg-type]

        Deferred.fromCoroutine(work())

        await until(lambda: late, "the time is over", clock=clock)

        self.assertEqual([0, 0, 1, 1], late)

    async def test_it_waits_for_what_many_turns_do_not_bring(self) -> None:
        self.database.write_long(slow_write, 1)

        async def is_written() -> Any:
            return self.database.head == 1

        self.assertIs(True, await until(is_written, "it is written"))

    async def test_what_never_comes_is_named(self) -> None:
        with patch.object(waiting, "SECONDS_MAX", 0.01), self.assertRaisesRegex(AssertionError, "the cows come home"):
            await until(lambda: False, "the cows come home")

    async def test_rest_is_when_nothing_is_to_be_done(self) -> None:
        """What waits for a clock or a later time is at rest."""
        later: Any = reactor.callLater(3600, lambda: None)
        self.database.write_long(slow_write, 1)

        self.assertTrue(is_busy())
        await at_rest()

        self.assertFalse(is_busy())
        self.assertEqual(1, self.database.head)
        later.cancel()

    async def test_a_turn_takes_no_time(self) -> None:
        """What is due happens, and whatever is due by it once something has been written; what is later does not."""
        clock = Clock()
        happened: list[str] = []

        async def work() -> None:
            await self.database.write_long(slow_write, 1)
            clock.callLater(0, happened.append, "due by that")

        clock.callLater(0, lambda: Deferred.fromCoroutine(work()))
        clock.callLater(0.001, happened.append, "later")

        await turn(clock)

        self.assertEqual((["due by that"], 0), (happened, clock.seconds()))


class _Nowhere:
    def log(self, *_: Any) -> None:
        """Nothing is written."""
