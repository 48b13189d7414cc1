"""
The whole client side of rooms on one database, wired as ``scripts/parts`` wires it; other servers cannot be reached.

    api = RoomAPI(self.database)
    alice, bob = await api.users("alice", "bob")
    room_id = await alice.create_room(preset="public_chat")
    await bob.join(room_id)
"""

import json
from typing import Any
from urllib.parse import quote

from attrs import define, evolve, field
from twisted.internet import reactor
from twisted.internet.task import Clock

from homeserver.core.identifiers import DeviceID, RoomID, ServerName, UserID
from homeserver.core.log import ACCOUNT_DATA
from homeserver.core.timeline import Ordering
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.aliases import AliasEndpoints
from homeserver.http.client.directory import DirectoryEndpoints
from homeserver.http.client.membership import MembershipEndpoints
from homeserver.http.client.messages import EventDetour, MessageEndpoints
from homeserver.http.client.old_sync import OldSyncEndpoints
from homeserver.http.client.relations import RelationEndpoints
from homeserver.http.client.reports import ReportEndpoints
from homeserver.http.client.room_creation import RoomCreationEndpoints
from homeserver.http.client.room_state import RoomStateEndpoints
from homeserver.http.client.room_upgrades import RoomUpgradeEndpoints
from homeserver.http.client.search import SearchEndpoints
from homeserver.http.client.send_options import RedactOption, RemovalOption, SendDetour, SendOption
from homeserver.http.client.sending import SendingEndpoints
from homeserver.http.client.spaces import SpaceEndpoints
from homeserver.http.request import EdgeSite
from homeserver.services.aggregations import Aggregations
from homeserver.services.aliases import Aliases
from homeserver.services.alone import NoPeers
from homeserver.services.callers import Caller
from homeserver.services.client_events import ClientEvents
from homeserver.services.clock import now_ms
from homeserver.services.creating import Creating
from homeserver.services.departing import Departing
from homeserver.services.directory import Directory
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.ignored_users import IGNORED_USER_LIST, IgnoredUsers
from homeserver.services.inheriting import Inheriting
from homeserver.services.inviting import Inviting
from homeserver.services.joining import Joining
from homeserver.services.member_content import MemberContent
from homeserver.services.memberships import Memberships
from homeserver.services.messages import Messages
from homeserver.services.old_sync.snapshots import Snapshots
from homeserver.services.old_sync.stream import EventStream
from homeserver.services.presence import PresenceBoard
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.relating import Relating
from homeserver.services.relation_kinds import RelationKinds
from homeserver.services.reporting import Reporting
from homeserver.services.room_outlines import RoomOutlines
from homeserver.services.room_reading import RoomReading
from homeserver.services.room_views import RoomViews
from homeserver.services.search.indexing import SearchIndexing
from homeserver.services.search.service import Search
from homeserver.services.sending import Sending
from homeserver.services.shown_events import ShownEvents
from homeserver.services.space_moves import SpaceMoves
from homeserver.services.spaces import Spaces
from homeserver.services.thread_summaries import ThreadSummaries
from homeserver.services.upgrading import Upgrading
from homeserver.services.visible_history import VisibleHistory
from homeserver.services.wakeups import Wakeups
from homeserver.store import account_data, profiles, users
from homeserver.store.database import Database
from homeserver.store.users import NewAccount
from homeserver.store.write import Write
from tests.client import SERVER, Client, Response, Tokens, a_site
from tests.databases import DatabaseCase
from tests.rooms import RoomServices, room_services

HERE = ServerName(SERVER)
V3 = "/_matrix/client/v3"
V1 = "/_matrix/client/v1"


@define
class Unvisited(NoPeers):
    """Other servers that cannot be reached; what history was asked for is written down."""

    asked: list[tuple[RoomID, Ordering, int]] = field(factory=list)

    async def backfill(self, room_id: RoomID, before: Ordering, limit: int) -> bool:
        self.asked.append((room_id, before, limit))
        return False


class RoomAPI:
    """The services of rooms, and a site that serves them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rooms: RoomServices = room_services(database, HERE)
        rooms, known, live = self.rooms, self.rooms.known, self.rooms.live_rooms
        self.peers = peers = Unvisited()
        self.clock: Clock = rooms.clock
        self.tokens = Tokens()
        self.memberships = Memberships(database, rooms.tail)
        self.ignored = IgnoredUsers(database)
        self.client_events = ClientEvents(database, known)
        content = MemberContent(HERE, database)
        self.aliases = Aliases(HERE, database, known, live, peers)
        inviting = Inviting(
            HERE, database, known, live, rooms.timeline.composer, rooms.timeline, rooms.acceptance, content, peers
        )
        joining = Joining(HERE, known, live, rooms.timeline, self.memberships, content, peers)
        departing = Departing(HERE, database, known, live, rooms.timeline, self.memberships, content, peers)
        views = RoomViews(database, rooms.tail, known, self.memberships, VisibleHistory(database, known))
        kinds = RelationKinds(database, known)
        rooms.tail.follow(kinds.follow)
        summaries = ThreadSummaries(database, known)
        rooms.tail.follow(summaries.follow)
        aggregations = Aggregations(database, known, views, self.client_events, self.ignored, kinds, summaries)
        shown = ShownEvents(self.clock, self.client_events, aggregations)
        reading = RoomReading(database, known, views, rooms.states, shown)
        self.messages = Messages(database, known, views, reading, shown, self.ignored, peers)
        self.indexing = SearchIndexing(database, self.clock, "here")
        self.search = Search(
            # Nobody moves this clock on in the midst of an answer.
            reactor,
            database,
            self.indexing,
            known,
            self.memberships,
            views,
            self.messages,
            reading,
            shown,
            aggregations,
            self.ignored,
        )
        outlines = RoomOutlines(database, known, self.memberships)
        # Nobody moves this clock on in the midst of an answer.
        self.spaces = Spaces(HERE, reactor, self.memberships, outlines, self.aliases, peers)
        serial = EphemeralSerial.starting_at(now_ms(self.clock))
        wakeups = Wakeups(self.clock, self.memberships)
        presence = PresenceBoard(database, HERE, self.clock, serial, self.memberships, wakeups)
        stream = EventStream(
            self.clock, database, rooms.tail, serial, known, self.memberships, views, shown, self.ignored, wakeups
        )
        snapshots = Snapshots(
            reactor,
            database,
            rooms.tail,
            serial,
            known,
            self.memberships,
            self.messages,
            reading,
            self.aliases,
            self.ignored,
            presence,
            PushRuleBook(database),
        )
        space_moves = SpaceMoves(HERE, database, known, live, rooms.timeline, self.memberships)
        self.upgrading = Upgrading(
            HERE, database, self.clock, known, live, rooms.timeline, self.aliases, content, space_moves
        )
        for way_in in (rooms.timeline, rooms.acceptance, rooms.arrival):
            way_in.companions.append(Inheriting(HERE))
        for follower in (self.memberships, self.client_events, self.ignored, wakeups):
            rooms.tail.follow(follower.follow)
        self.sending = Sending(HERE, known, live, rooms.timeline, inviting, self.aliases)
        self.shown = shown
        self.send_options: list[SendOption] = []
        self.send_detours: list[SendDetour] = []
        self.redact_options: list[RedactOption] = []
        self.removal_options: list[RemovalOption] = []
        self.event_detours: list[EventDetour] = []
        self.endpoints: tuple[object, ...] = (
            RoomCreationEndpoints(HERE, ROOM_VERSIONS["12"], Creating(rooms.timeline, inviting, self.aliases, content)),
            MembershipEndpoints(
                joining,
                inviting,
                departing,
                self.memberships,
                self.aliases,
                removal_options=self.removal_options,
            ),
            SendingEndpoints(self.sending, presence, self.send_options, self.send_detours, self.redact_options),
            AliasEndpoints(self.aliases),
            MessageEndpoints(self.messages, self.event_detours),
            RoomStateEndpoints(reading),
            RelationEndpoints(Relating(database, known, views, self.messages, shown, self.ignored)),
            SearchEndpoints(self.search),
            OldSyncEndpoints(stream, snapshots, self.messages, known),
            DirectoryEndpoints(Directory(HERE, database, peers)),
            SpaceEndpoints(self.spaces),
            RoomUpgradeEndpoints(self.upgrading),
            ReportEndpoints(Reporting(HERE, self.clock, database, views, self.messages)),
        )
        self.site = self._a_site()

    def serve(self, *endpoints: object) -> None:
        """These are served too, to the users that come from now on."""
        self.endpoints = (*self.endpoints, *endpoints)
        self.site = self._a_site()

    def _a_site(self) -> EdgeSite:
        return a_site(*self.endpoints, authenticators=token_authenticators(self.tokens), clock=self.clock)

    @property
    def stranger(self) -> Client:
        """A client without a token."""
        return Client(self.site)

    async def users(self, *names: str) -> list["User"]:
        """Users of these names, with accounts."""
        return [await self.user(name) for name in names]

    async def user(self, name: str, **more: Any) -> "User":
        """A user with an account; *more*: what else is true of the caller."""
        user_id = UserID(f"@{name}:{SERVER}")
        account = NewAccount(user_id=user_id, password_hash=None, created_ms=0, is_guest=more.get("is_guest", False))
        await self.database.write(users.insert_new, account)
        self.tokens.callers[name] = Caller(user_id, DeviceID("DEVICE"), **more)
        return User(self, user_id, Client(self.site, name))


@define(eq=False)
class User:
    """Somebody at a client."""

    api: RoomAPI
    user_id: UserID
    client: Client
    _transactions: int = 0

    @property
    def other_device(self) -> "User":
        """The same user at another client."""
        name = f"{self.client.token}-2"
        self.api.tokens.callers[name] = Caller(self.user_id, DeviceID("OTHER"))
        return evolve(self, client=self.client.signed_in(name))

    async def create_room(self, **body: Any) -> str:
        """The ID of a new room."""
        return str((await self.ok(self.client.post(f"{V3}/createRoom", body)))["room_id"])

    async def join(self, room: str, **body: Any) -> Response:
        return await self.client.post(f"{V3}/join/{quote(room, safe='!:')}", body)

    async def act(self, room_id: str, action: str, **body: Any) -> Response:
        """``invite``, ``leave``, ``kick``, ``ban``, ``unban``, ``forget`` …"""
        return await self.client.post(f"{V3}/rooms/{room_id}/{action}", body)

    async def say(self, room_id: str, text: str, **content: Any) -> str:
        """The ID of a message."""
        return await self.send(room_id, {"msgtype": "m.text", "body": text, **content})

    async def send(self, room_id: str, content: Any, kind: str = "m.room.message") -> str:
        """The ID of an event."""
        self._transactions += 1
        path = f"{V3}/rooms/{room_id}/send/{kind}/t{self._transactions}"
        return str((await self.ok(self.client.put(path, content)))["event_id"])

    async def set_state(self, room_id: str, kind: str, content: Any, state_key: str = "") -> Response:
        return await self.client.put(f"{V3}/rooms/{room_id}/state/{kind}/{quote(state_key, safe='@:')}", content)

    async def state(self, room_id: str, kind: str, state_key: str = "", **query: Any) -> Response:
        return await self.client.get(f"{V3}/rooms/{room_id}/state/{kind}/{quote(state_key, safe='@:')}", **query)

    async def room(self, room_id: str, what: str, **query: Any) -> Response:
        """A GET below the room."""
        return await self.client.get(f"{V3}/rooms/{room_id}/{what}", **query)

    async def messages(self, room_id: str, dir: str = "b", **query: Any) -> Any:
        """A page of the timeline."""
        return await self.ok(self.room(room_id, "messages", dir=dir, **query))

    async def texts(self, room_id: str) -> list[str]:
        """The bodies of all messages that the user may see, oldest first."""
        page = await self.messages(room_id, limit=1000)
        return [event["content"]["body"] for event in page["chunk"][::-1] if event["type"] == "m.room.message"]

    async def ignore(self, *others: "User") -> None:
        content: Any = {"ignored_users": {other.user_id: {} for other in others}}
        await self.api.database.write(_ignore, self.user_id, content)

    async def call_oneself(self, name: str) -> None:
        """The user has a display name, shown in rooms from now on."""
        await self.api.database.write(profiles.set_field, self.user_id, "displayname", name)

    @staticmethod
    async def ok(answer: Any) -> Any:
        """What a response that is good says."""
        response: Response = await answer
        assert response.status == 200, f"{response.status} {response.body.decode()}"
        return response.json


def _ignore(tx: Write, user_id: UserID, content: Any) -> None:
    account_data.replace(tx, user_id, "", IGNORED_USER_LIST, json.dumps(content), tx.log(ACCOUNT_DATA, user_id))


class RoomAPICase(DatabaseCase):
    """``self.api``, and @alice, @bob and @carol as its users."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.api = RoomAPI(self.database)
        self.extend(self.api)
        self.alice, self.bob, self.carol = await self.api.users("alice", "bob", "carol")

    def extend(self, api: RoomAPI) -> None:
        """For cases that serve more."""

    def assert_refused(self, status: int, errcode: str, response: Response) -> None:
        """The response is that refusal."""
        self.assertEqual((status, errcode), (response.status, response.errcode), response.body)
