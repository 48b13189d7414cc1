"""What application services are told of the log, by one process or another."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson
from attrs import define, field
from twisted.trial.unittest import TestCase

from homeserver.core.appservices.namespaces import Namespace, Namespaces
from homeserver.core.appservices.registration import Registration
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, RoomAlias, RoomID, UserID
from homeserver.core.log import Position
from homeserver.services.appservices.gathering import PASS_MAX, Shown
from homeserver.services.appservices.queue import LEASE_MS, STAND_BY_SECONDS, Surroundings
from homeserver.services.appservices.settings import AppserviceTrafficSettings
from homeserver.services.appservices.traffic import Ephemerals, Traffic
from homeserver.services.client_events import ClientEvents
from homeserver.services.ports import DeviceKeyCounts, PeerFault, PeerUnreachable
from homeserver.store import cursors
from homeserver.store.appservices import consumer_of
from homeserver.store.write import Write
from tests.databases import each_database
from tests.federation.servers import ALICE, BOB, ERIN, Federation
from tests.waiting import until

# All of @bob…, and @erin as the one who speaks for it.
BRIDGE = Registration(
    id="bridge",
    url="http://bridge.example",
    as_token="as",
    hs_token="hs",
    sender=ERIN,
    namespaces=Namespaces(users=(Namespace("@bob.*", exclusive=True),)),
)


@define(eq=False)
class FakeRequests:
    """Takes transactions while *failure* is None, each once, as application services do by their names."""

    taken: list[tuple[str, Any]] = field(factory=list)
    refused: list[tuple[str, Any]] = field(factory=list)
    failure: Exception | None = None

    async def send(self, to: Registration, transaction_id: str, body: bytes) -> None:
        transaction = (transaction_id, orjson.loads(body))
        if self.failure is not None:
            self.refused.append(transaction)
            raise self.failure
        if transaction_id in {name for name, _ in self.taken}:
            assert transaction in self.taken, "what has one name is always the same"
        else:
            self.taken.append(transaction)

    async def ping(self, to: Registration, transaction_id: str | None) -> None: ...

    async def has_user(self, to: Registration, user_id: UserID) -> bool:
        return False

    async def has_room(self, to: Registration, alias: RoomAlias) -> bool:
        return False

    async def third_party(self, to: Registration, path: Sequence[str], fields: Mapping[str, str]) -> JSON:
        return None

    @property
    def events(self) -> list[Any]:
        return [event for _, body in self.taken for event in body["events"]]

    @property
    def texts(self) -> list[str]:
        return [event["content"]["body"] for event in self.events if event["type"] == "m.room.message"]


class NoEncryption:
    """Nobody has a device."""

    async def has_devices(self, appservice_id: str) -> bool:
        return False

    async def messages(self, user_ids: Collection[UserID], after: Position, upto: Position) -> Sequence[JSONObject]:
        return ()

    async def key_counts(self, user_ids: Collection[UserID]) -> Mapping[UserID, Mapping[DeviceID, DeviceKeyCounts]]:
        return {}

    async def members(self, room_nid: int, position: Position) -> Collection[UserID]:
        return ()

    def forget_messages(self, tx: Write, user_ids: Collection[UserID], upto: Position) -> None: ...


@each_database
class TrafficTests(Federation, TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.requests = FakeRequests()

    def traffic(self, holder: str = "first", registration: Registration = BRIDGE, **settings: Any) -> Traffic:
        """As one process of server two has it."""
        server, clock = self.two, self.network.clock
        around = Surroundings(
            server.database,
            clock,
            self.requests,
            NoEncryption(),
            AppserviceTrafficSettings(**settings),
            holder,
            lambda: 0.5,
        )
        client_events = ClientEvents(server.database, server.known)
        server.tail.follow(client_events.follow)
        traffic = Traffic(
            (registration,),
            around,
            Shown(server.database, server.tail, server.known, client_events, clock),
            server.memberships,
            Ephemerals(server.typing, server.presence, server.typing.serial),
        )
        server.tail.follow(traffic.follow)
        return traffic

    async def running(self, holder: str = "first", **more: Any) -> Traffic:
        traffic = self.traffic(holder, **more)
        await traffic.start()
        self.addCleanup(traffic.stop)
        return traffic

    async def told(self, *texts: str) -> None:
        """In the end the service has been told these texts, and no others."""

        await self.until(lambda: len(self.requests.texts) >= len(texts))
        self.assertEqual(list(texts), self.requests.texts)

    async def until(self, holds: Callable[[], object]) -> None:
        """It holds in the end, while time passes."""
        await until(holds, "the service is told", clock=self.network.clock)

    async def room(self) -> RoomID:
        """A room of somebody of server two whom the service does not know, and all may join."""
        return await self.two.create(UserID(f"@greta:{self.two.name}"), preset="public_chat")

    async def say(self, room_id: RoomID, text: str) -> None:
        await self.two.send(UserID(f"@greta:{self.two.name}"), room_id, text)

    async def test_what_was_said_while_nobody_listened(self) -> None:
        """It is told in the end as far as its users were there then; what was said before or after they were is not."""
        traffic = self.traffic()
        await traffic.start()
        await traffic.stop()
        room_id = await self.room()
        await self.say(room_id, "before")
        await self.two.join(BOB, room_id)
        await self.say(room_id, "one")
        await self.two.departing.leave(BOB, room_id)
        await self.say(room_id, "away")
        await self.two.join(BOB, room_id)
        await self.say(room_id, "two")
        await self.two.departing.leave(BOB, room_id)
        await self.say(room_id, "after")
        await traffic.start()
        self.addCleanup(traffic.stop)

        await self.told("one", "two")

    async def test_batches_are_bounded_and_in_order(self) -> None:
        """However much there is, over more of the log than is looked at at once."""
        room_id = await self.room()
        await self.two.join(BOB, room_id)
        traffic = self.traffic(events_max=7)
        await traffic.start()
        await traffic.stop()
        texts = [str(number) for number in range(PASS_MAX // 10)]
        for text in texts:
            await self.say(room_id, text)
        await self.two.database.write(_noise, PASS_MAX)
        await self.say(room_id, "last")
        await traffic.start()
        self.addCleanup(traffic.stop)

        await self.told(*texts, "last")
        self.assertEqual([7] * 7 + [1, 1], [len(body["events"]) for _, body in self.requests.taken])
        names = [int(name) for name, _ in self.requests.taken]
        self.assertEqual(sorted(set(names)), names)

    async def test_failures_are_retried_less_and_less_often(self) -> None:
        """With the same name and the same content; a sign of life shortens the wait."""
        traffic = await self.running(retry_min_seconds=1, retry_max_seconds=1000)
        room_id = await self.room()
        await self.two.join(BOB, room_id)
        await self.say(room_id, "0")
        await self.told("0")
        self.requests.failure = PeerUnreachable("bridge", "it sleeps")
        await self.say(room_id, "1")

        began = self.network.clock.seconds()
        await self.until(lambda: len(self.requests.refused) >= 4)
        self.assertGreaterEqual(self.network.clock.seconds() - began, 1 + 2 + 4)
        await self.say(room_id, "2")
        self.requests.failure = PeerFault("bridge", 500)
        traffic.try_now("bridge")
        await self.until(lambda: len(self.requests.refused) >= 5)
        self.requests.failure = None
        traffic.try_now("bridge")

        await self.told("0", "1", "2")
        self.assertEqual(1, len({name for name, _ in self.requests.refused}))
        self.assertEqual({self.requests.refused[0][0]}, {self.requests.taken[-2][0]})
        self.assertTrue(all(body == self.requests.taken[-2][1] for _, body in self.requests.refused))

    async def test_of_two_processes_one_is_at_work(self) -> None:
        """Each event is told once; when one process ends, or dies, the other goes on where it was."""
        first, second = await self.running("first"), await self.running("second")
        room_id = await self.room()
        await self.two.join(BOB, room_id)
        await self.say(room_id, "1")
        await self.told("1")
        await self.say(room_id, "2")
        await self.told("1", "2")
        await first.stop()
        await self.say(room_id, "3")
        await self.told("1", "2", "3")
        self.network.clock.advance(STAND_BY_SECONDS)
        await self.say(room_id, "4")
        await self.told("1", "2", "3", "4")
        # Killed, it releases nothing.
        for queue in second.queues.values():
            queue._started = False
            queue._cancel_timer()
        third = await self.running("third")
        await self.say(room_id, "5")
        self.network.clock.advance(LEASE_MS / 1000)
        await self.told("1", "2", "3", "4", "5")

        self.assertEqual({"bridge"}, third.queues.keys())

    async def test_invites_to_rooms_of_other_servers(self) -> None:
        """With what they show of the room, for the service to find it."""
        await self.running()
        room_id = await self.one.create(ALICE, name="Tea")
        await self.one.inviting.invite(ALICE, room_id, BOB)

        await self.until(lambda: self.requests.events)

        (invite,) = self.requests.events
        self.assertEqual(
            (room_id, BOB, "invite"), (invite["room_id"], invite["state_key"], invite["content"]["membership"])
        )
        shown = {each["type"]: each["content"] for each in invite["unsigned"]["invite_room_state"]}
        self.assertEqual({"name": "Tea"}, shown["m.room.name"])

    async def test_what_concerns_nobody_is_not_kept_in_the_log_for_it(self) -> None:
        """The place moves on though nothing is told."""
        traffic = await self.running()
        before = await self.two.database.read(cursors.position_of, consumer_of("bridge"))
        await self.two.database.write(_noise, 5 * PASS_MAX)
        await self.until(lambda: traffic.queues["bridge"].is_at_rest)
        after = await self.two.database.read(cursors.position_of, consumer_of("bridge"))

        self.assertGreaterEqual(after or 0, (before or 0) + 4 * PASS_MAX)
        self.assertEqual([], self.requests.taken)


def _noise(tx: Write, entries: int) -> None:
    for _ in range(entries):
        tx.log("account_data", "@somebody:two.example")
