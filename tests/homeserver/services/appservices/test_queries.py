"""Application services are asked for what is not there: not too often, and not for ever."""

from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from homeserver.core.appservices.namespaces import Namespace, Namespaces
from homeserver.core.appservices.registration import Registration
from homeserver.core.identifiers import RoomAlias, UserID
from homeserver.services.appservices.queries import AGAIN_SECONDS, ATTEMPTS, DENIED_SECONDS, PATIENCE_SECONDS, Queries
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import AppserviceSilent

GHOST = UserID("@ghost:example.org")
IRC = Registration(
    id="irc",
    url="http://irc.example",
    as_token="as",
    hs_token="hs",
    sender=UserID("@irc:example.org"),
    namespaces=Namespaces(
        users=(Namespace("@ghost.*", exclusive=True),), aliases=(Namespace("#tea.*", exclusive=True),)
    ),
)


@define(eq=False)
class FakeRoster:
    registrations: tuple[Registration, ...] = (IRC,)


@define(eq=False)
class FakeRequests:
    """*answers*: what each question in turn is answered; a Deferred is waited for, an exception is raised."""

    answers: list[Any]
    asked: list[str] = field(factory=list)

    async def has_user(self, to: Registration, user_id: UserID) -> bool:
        return await self._answer(to, user_id)

    async def has_room(self, to: Registration, alias: RoomAlias) -> bool:
        return await self._answer(to, alias)

    async def _answer(self, to: Registration, name: str) -> bool:
        self.asked.append(f"{to.id} {name}")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bool(await answer if isinstance(answer, Deferred) else answer)


class QueriesTests(TestCase):
    def queries(self, *answers: Any, registrations: tuple[Registration, ...] = (IRC,)) -> Queries:
        self.clock, self.requests = Clock(), FakeRequests(list(answers))
        roster: Any = FakeRoster(registrations)
        requests: Any = self.requests
        return Queries(roster, requests, self.clock)

    async def test_only_those_whose_name_it_is_are_asked(self) -> None:
        """And only those that listen; the first that has it is enough."""
        other = evolve(IRC, id="other")
        deaf = evolve(IRC, id="deaf", url=None)
        queries = self.queries(False, True, registrations=(deaf, IRC, other))

        self.assertTrue(await queries.make_user(GHOST))
        self.assertFalse(await queries.make_user(UserID("@alice:example.org")))
        self.assertFalse(await queries.make_room(RoomAlias("#coffee:example.org")))
        self.assertEqual([f"irc {GHOST}", f"other {GHOST}"], self.requests.asked)

    async def test_who_has_said_no_is_not_asked_again_at_once(self) -> None:
        """After a while it may have changed its mind."""
        queries = self.queries(False, True)

        self.assertEqual([False, False], [await queries.make_user(GHOST) for _ in range(2)])
        self.clock.advance(DENIED_SECONDS)
        self.assertTrue(await queries.make_user(GHOST))

    def test_who_does_not_answer_is_asked_several_times(self) -> None:
        """Then whoever waits is told; one who answers that it cannot is asked once."""
        silence = PeerUnreachable("irc", "nobody there")
        queries = self.queries(*[silence] * ATTEMPTS, PeerFault("irc", 500), True)
        asking = Deferred.fromCoroutine(queries.make_user(GHOST))
        self.clock.pump([AGAIN_SECONDS] * ATTEMPTS)

        self.failureResultOf(asking, AppserviceSilent)
        self.assertEqual(ATTEMPTS, len(self.requests.asked))
        self.failureResultOf(Deferred.fromCoroutine(queries.make_user(GHOST)), AppserviceSilent)
        self.assertEqual(ATTEMPTS + 1, len(self.requests.asked))
        self.assertTrue(self.successResultOf(Deferred.fromCoroutine(queries.make_user(GHOST))))

    def test_one_question_for_all_who_ask(self) -> None:
        """They share its answer; but who waits too long (the service itself, perhaps) goes on without."""
        answer: Deferred[bool] = Deferred()
        queries = self.queries(answer)
        first, second, third = [Deferred.fromCoroutine(queries.make_user(GHOST)) for _ in range(3)]
        self.clock.advance(PATIENCE_SECONDS)
        fourth = Deferred.fromCoroutine(queries.make_user(GHOST))
        answer.callback(True)

        self.assertEqual([False, False], [self.successResultOf(each) for each in (second, third)])
        self.assertEqual([True, True], [self.successResultOf(each) for each in (first, fourth)])
        self.assertEqual(1, len(self.requests.asked))
        self.assertEqual([], self.clock.getDelayedCalls())
