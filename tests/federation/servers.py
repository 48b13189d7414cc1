"""
Whole servers in memory, wired to each other without sockets.

Each has the services and endpoints that other servers meet, on a database of its own.  What one asks of another is a
signed request to the other's real site: authentication, parsing and the spec's schemas take part.  A link between two
servers can be cut.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, Final

from twisted.internet import reactor

from federation.core.request_signing import Request, sign_request
from federation.http.authenticator import ServerAuthenticator
from federation.http.keys import KeyEndpoints
from federation.http.server.events import ServerEventEndpoints
from federation.http.server.membership import ServerMembershipEndpoints
from federation.http.server.queries import QueryEndpoints
from federation.http.server.spaces import ServerSpaceEndpoints
from federation.http.server.transactions import TransactionEndpoints
from federation.services.access import Access
from federation.services.ancestry import Ancestry
from federation.services.backfill import Backfill
from federation.services.destinations import Destinations
from federation.services.distribution import Distribution
from federation.services.entering import Entering
from federation.services.ephemeral import EphemeralReceiver, EphemeralSender
from federation.services.handshakes import Handshakes
from federation.services.inbox import Inbox
from federation.services.invitations import Invitations
from federation.services.key_ring import KeyRing
from federation.services.known_keys import KnownKeys
from federation.services.lane import Surroundings
from federation.services.notary import Notary
from federation.services.outbox import Outbox
from federation.services.outgoing_pdus import OutgoingPdus
from federation.services.pdu_checks import PduChecks
from federation.services.remote_profiles import RemoteProfiles
from federation.services.remote_rooms import RemoteRooms
from federation.services.remote_spaces import RemoteSpaces
from federation.services.residence import Residence
from federation.services.room_queries import RoomQueries
from federation.services.room_servers import RoomServers
from federation.services.settings import FederationSettings, RetrySettings
from federation.services.signing_key import OwnKeys
from federation.services.space_queries import SpaceQueries
from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.drafts import Draft
from homeserver.core.events import StateKey
from homeserver.core.identifiers import DeviceID, EventID, RoomID, ServerName, UserID
from homeserver.core.room_creation import RoomRequest
from homeserver.core.timeline import TimelineEvent
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.http.rows import Authentication
from homeserver.services.acceptance import Acceptance
from homeserver.services.aliases import Aliases
from homeserver.services.arrival import Arrival
from homeserver.services.callers import Caller
from homeserver.services.composing import Composer
from homeserver.services.departing import Departing
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.erased_users import ErasedUsers
from homeserver.services.history import History
from homeserver.services.inviting import Inviting
from homeserver.services.joining import Joining
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.log_tail import LogTail
from homeserver.services.member_content import MemberContent
from homeserver.services.memberships import Memberships
from homeserver.services.outliers import Outliers
from homeserver.services.own_members import OwnMembers
from homeserver.services.presence import PresenceBoard, PresenceSettings
from homeserver.services.profiles import Profiles
from homeserver.services.receipts import Receipts
from homeserver.services.redactions import Redactions
from homeserver.services.resolution import Resolution
from homeserver.services.room_outlines import RoomOutlines
from homeserver.services.room_states import RoomStates
from homeserver.services.spaces import Spaces
from homeserver.services.state_moves import StateMoves
from homeserver.services.summaries import Summaries
from homeserver.services.threads import Threads
from homeserver.services.timeline import Timeline
from homeserver.services.typing import Typing
from homeserver.services.wakeups import Wakeups
from homeserver.store import events, users
from homeserver.store.database import Database, open_database
from homeserver.store.users import NewAccount
from tests.builders import START_MS, signing_key
from tests.client import Client, Response, a_site
from tests.databases import fresh_settings
from tests.federation.network import Asked, Network, Wire
from tests.waiting import until

ONE, TWO, THREE = ServerName("one.example"), ServerName("two.example"), ServerName("three.example")
ALICE, DAVE = UserID("@alice:one.example"), UserID("@dave:one.example")
BOB, ERIN = UserID("@bob:two.example"), UserID("@erin:two.example")
CAROL, FRANK = UserID("@carol:three.example"), UserID("@frank:three.example")
PEOPLE: Final[Mapping[ServerName, Sequence[UserID]]] = {ONE: (ALICE, DAVE), TWO: (BOB, ERIN), THREE: (CAROL, FRANK)}
SETTINGS = FederationSettings(retry=RetrySettings(min_seconds=1, max_seconds=8), catch_up_after_seconds=60)


class FederatedServer:
    """One server: what ``scripts/serve.py`` builds for other servers, on *database*."""

    def __init__(self, network: Network, name: ServerName, database: Database) -> None:
        self.network, self.name, self.database = network, name, database
        self.key = key = signing_key(name)
        self.clock = clock = network.clock
        self.numbers = numbers = count(1)
        # A server that begins anew must not name things as before.
        run = f"{name}-{database.head}"

        def opaque_id() -> str:
            return f"{run}-{next(numbers)}"

        self.tail = tail = LogTail(database.head)
        database.subscribe(tail.extend)
        self.destinations = Destinations(database, clock, SETTINGS.retry, lambda: 0.5)
        self.peers = peers = Wire(network, self)
        known_keys = KnownKeys(database, clock, peers, (), SETTINGS.retry, lambda: 0.5)
        self.ring = ring = KeyRing(name, OwnKeys(key, {}), known_keys, clock)
        self.checks = checks = PduChecks(ring)
        self.known = known = KnownEvents(database)
        tail.follow(known.follow)
        self.live_rooms = live_rooms = LiveRooms(database)
        self.composer = composer = Composer(name, key, known, clock, opaque_id)
        self.states = states = RoomStates(database, known, Resolution(known))
        self.redactions = redactions = Redactions(database, known, states)
        self.timeline = timeline = Timeline(
            database, known, live_rooms, composer, redactions, lambda: RoomID(f"!{opaque_id()}:{name}")
        )
        self.acceptance = acceptance = Acceptance(name, database, known, live_rooms, states, redactions)
        outliers = Outliers(database, known)
        self.arrival = arrival = Arrival(name, database, known, live_rooms)
        self.history = history = History(database, known, live_rooms, states, redactions)
        ancestry = Ancestry(peers, checks, known, outliers)
        handshakes = Handshakes(name, key, peers, checks, opaque_id)
        access, entering = Access(known), Entering(clock)
        self.remote_rooms = remote_rooms = RemoteRooms(
            name, clock, database, peers, checks, handshakes, ancestry, arrival, acceptance, live_rooms, entering
        )
        self.backfill = Backfill(name, peers, checks, ancestry, history, known, live_rooms)
        self.memberships = memberships = Memberships(database, tail)
        tail.follow(memberships.follow)
        member_content = MemberContent(name, database)
        aliases = Aliases(name, database, known, live_rooms, remote_rooms)
        self.inviting = inviting = Inviting(
            name, database, known, live_rooms, composer, timeline, acceptance, member_content, remote_rooms
        )
        self.joining = joining = Joining(name, known, live_rooms, timeline, memberships, member_content, remote_rooms)
        self.departing = departing = Departing(
            name, database, known, live_rooms, timeline, memberships, member_content, remote_rooms
        )
        own_members = OwnMembers(timeline, memberships, member_content, departing)
        self.profiles = profiles = Profiles(name, database, own_members, RemoteProfiles(peers))
        serial = EphemeralSerial.starting_at(START_MS)
        wakeups = Wakeups(clock, memberships)
        self.typing = typing = Typing(clock, serial, memberships, wakeups, known)
        tail.follow(typing.follow)
        self.presence = presence = PresenceBoard(
            database, name, clock, serial, memberships, wakeups, PresenceSettings()
        )
        self.receipts = receipts = Receipts(database, clock, known, memberships, Threads(known))
        ephemeral = EphemeralReceiver(clock, live_rooms, access, typing, receipts, presence)
        invitations = Invitations(name, key, database, checks, live_rooms, access, timeline.member_guards)
        self.inbox = inbox = Inbox(
            checks, ancestry, acceptance, known, live_rooms, access, entering, invitations, ephemeral.receivers()
        )
        moves = StateMoves(known, database.head)
        tail.follow(moves.follow)
        summaries = Summaries(database, moves)
        self.residence = residence = Residence(
            name, key, checks, access, composer, acceptance, known, live_rooms, states, joining, inviting, summaries
        )
        outlines = RoomOutlines(database, known, memberships)
        self.spaces = Spaces(name, clock, memberships, outlines, aliases, RemoteSpaces(peers, clock))
        room_queries = RoomQueries(name, database, known, live_rooms, states, access, residence, ErasedUsers(database))
        distribution = Distribution(name, database, known, live_rooms, moves, self.tail)
        around = Surroundings(
            name,
            database,
            clock,
            peers,
            self.destinations,
            distribution,
            OutgoingPdus(distribution),
            SETTINGS,
            partial(next, (f"{run}.{number}" for number in count())),
            lambda: 0.5,
        )
        self.outbox = outbox = Outbox(around, distribution)
        tail.follow(outbox.follow)
        room_servers = RoomServers(database, live_rooms, clock)
        tail.follow(room_servers.follow)
        sender = EphemeralSender(clock, room_servers, outbox)
        typing.listeners.append(sender.send_typing)
        presence.listeners.append(sender.send_presence)
        self.site = a_site(
            KeyEndpoints(ring, Notary(ring, database)),
            TransactionEndpoints(inbox),
            ServerMembershipEndpoints(name, residence, invitations),
            ServerEventEndpoints(name, clock, room_queries),
            QueryEndpoints(name, "test", aliases, profiles),
            ServerSpaceEndpoints(SpaceQueries(outlines, live_rooms, known, access)),
            authenticators={Authentication.SERVER_SIGNATURE: ServerAuthenticator(ring, self.destinations)},
        )
        self.client = Client(self.site)

    async def start(self) -> None:
        """It has accounts, and sends what waits."""
        await self.destinations.load()
        for user_id in PEOPLE.get(self.name, ()):
            if await self.database.read(users.by_id, user_id) is None:
                await self.database.write(users.insert_new, NewAccount(user_id, None, START_MS))
        await self.outbox.start()
        self.network.servers[self.name] = self

    async def stop(self) -> None:
        """As at the end of its process; the database stays as it is."""
        del self.network.servers[self.name]
        self.presence.stop()
        await self.outbox.stop()
        await self.database.close()

    async def request(self, server: "FederatedServer", method: str, target: str, body: object = None) -> Response:
        """What *server* answers to a request that this one signs."""
        content = None if body is None else encode_canonical(body)
        header = sign_request(Request(self.name, server.name, method, target, content), self.key)
        decoded = None if content is None else json.loads(content)
        self.network.asked.append(Asked(self.name, server.name, method, target, decoded))
        return await server.client.request(method, target, content, headers={"Authorization": header})

    async def send_pdus(self, server: "FederatedServer", *pdus: JSONObject, edus: Sequence[JSONObject] = ()) -> Any:
        """What *server* says of each, sent in a transaction of its own."""
        body = {"origin": self.name, "origin_server_ts": START_MS, "pdus": [*pdus], "edus": [*edus]}
        response = await self.request(
            server, "PUT", f"/_matrix/federation/v1/send/{self.name}-{next(self.numbers)}", body
        )
        assert response.status == 200, response.body
        return response.json["pdus"]

    # What its users do.

    async def create(self, creator: UserID, version: str = "12", **request: Any) -> RoomID:
        return await self.timeline.create(RoomRequest(creator, ROOM_VERSIONS[version], **request))

    async def send(self, sender: UserID, room_id: RoomID, text: str) -> EventID:
        return await self.timeline.send(room_id, Draft("m.room.message", sender, {"msgtype": "m.text", "body": text}))

    async def set_state(
        self, sender: UserID, room_id: RoomID, kind: str, content: JSONObject, state_key: str = ""
    ) -> EventID:
        return await self.timeline.send(room_id, Draft(kind, sender, content, state_key))

    async def join(self, user_id: UserID, room_id: RoomID, *via: ServerName) -> None:
        await self.joining.join(Caller(user_id, DeviceID("PHONE")), room_id, via)

    async def knock(self, user_id: UserID, room_id: RoomID, *via: ServerName) -> None:
        await self.joining.knock(Caller(user_id, DeviceID("PHONE")), room_id, via)

    # What it knows.

    async def room(self, room_id: RoomID) -> LiveRoom:
        return await self.live_rooms.load(room_id)

    async def state(self, room_id: RoomID) -> dict[StateKey, EventID]:
        """The current state as the store has it."""
        await self.database.catch_up()
        room = await self.live_rooms.load(room_id)
        state, generation = dict(room.state), room.generation
        stored = await LiveRooms(self.database).load(room_id)
        if stored.generation == generation:
            assert stored.state == state, "memory and store agree"
        return state

    async def membership(self, room_id: RoomID, user_id: UserID) -> str | None:
        """As this server sees it in the room, which it is in."""
        event_id = (await self.state(room_id)).get(("m.room.member", user_id))
        entry = None if event_id is None else await self.known.by_id(event_id)
        return None if entry is None else entry.event.membership

    async def own_membership(self, user_id: UserID, room_id: RoomID) -> str | None:
        """What a user of this server is told of their membership."""
        row = (await self.memberships.of(user_id)).rows.get(room_id)
        return None if row is None else row.membership

    async def entry(self, event_id: EventID) -> TimelineEvent | None:
        await self.database.catch_up()
        return await self.known.by_id(event_id)

    async def timeline_of(self, room_id: RoomID) -> list[TimelineEvent]:
        """All that clients could see, oldest first."""
        await self.database.catch_up()
        room = await self.live_rooms.load(room_id)
        rows = await self.database.read(events.between, room.nid, -(2**62), 2**62, 10_000)
        return await self.known.revive(rows)

    async def messages_of(self, room_id: RoomID) -> list[str]:
        """The texts in the timeline, oldest first; that of a redacted message is empty."""
        return [
            str(entry.event.content.get("body", ""))
            for entry in await self.timeline_of(room_id)
            if entry.event.type == "m.room.message"
        ]


class Federation:
    """A mixin of test cases: *names* servers, started before each test and stopped after it."""

    kind = "sqlite"
    names: Sequence[ServerName] = (ONE, TWO)
    network: Network
    one: FederatedServer
    two: FederatedServer
    three: FederatedServer

    async def begin(self, case: Any) -> None:
        """The servers are there, as attributes ``one``, ``two``, ``three``."""
        self.network = Network()
        self._settings = {name: case.enterContext(fresh_settings(self.kind)) for name in self.names}
        for name in self.names:
            await self.boot(name)
        case.addCleanup(self._stop)

    async def boot(self, name: ServerName) -> FederatedServer:
        """A process of the server begins, on what is stored."""
        server = FederatedServer(self.network, name, open_database(self._settings[name], reactor))  # type: ignore[arg-type]
        await server.start()
        setattr(self, name.partition(".")[0], server)
        return server

    async def restart(self, server: FederatedServer) -> FederatedServer:
        await server.stop()
        return await self.boot(server.name)

    async def _stop(self) -> None:
        for server in list(self.network.servers.values()):
            await server.stop()

    async def settle(self, room_id: RoomID, *servers: FederatedServer) -> None:
        """All *servers* (else all there are) hold the same current state, and nothing waits to be sent."""
        there = servers or tuple(self.network.servers.values())

        async def is_settled() -> bool:
            states = [await server.state(room_id) for server in there]
            return all(state == states[0] for state in states) and all(_is_quiet(server) for server in there)

        names = ", ".join(server.name for server in there)
        await until(is_settled, f"the same state on {names}", clock=self.network.clock)

    async def quiet(self) -> None:
        """Nothing waits to be sent anywhere."""

        async def is_quiet() -> bool:
            for server in self.network.servers.values():
                await server.database.catch_up()
            return all(_is_quiet(server) for server in self.network.servers.values())

        await until(is_quiet, "nothing waits to be sent", clock=self.network.clock)

    async def hush(self) -> None:
        """From now on servers answer, and tell nothing by themselves."""
        await self.quiet()
        for server in self.network.servers.values():
            await server.outbox.stop()

    async def speak(self) -> None:
        """They do again."""
        for server in self.network.servers.values():
            await server.outbox.start()


def _is_quiet(server: FederatedServer) -> bool:
    outbox = server.outbox
    return not outbox._reading and not outbox._lanes
