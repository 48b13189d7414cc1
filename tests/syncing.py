"""The services of a sync put together for tests, wired as ``scripts/parts`` wires them, on the services of rooms."""

from typing import Any

import orjson
from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft, Transaction
from homeserver.core.filters import DEFAULT_FILTER, Filter, parse_filter
from homeserver.core.identifiers import DeviceID, EventID, RoomID, ServerName, UserID
from homeserver.core.sync_tokens import parse_sync_token
from homeserver.services.account_data import AccountData
from homeserver.services.aggregations import Aggregations
from homeserver.services.client_events import ClientEvents
from homeserver.services.clock import now_ms
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.filters import Filters
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.memberships import Memberships
from homeserver.services.presence import PresenceBoard, PresenceSettings
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.pushed_events import PushedEvents
from homeserver.services.read_markers import ReadMarkers
from homeserver.services.receipts import Receipts
from homeserver.services.recent_events import RecentEvents
from homeserver.services.relation_kinds import RelationKinds
from homeserver.services.room_views import RoomViews
from homeserver.services.state_moves import StateMoves
from homeserver.services.summaries import Summaries
from homeserver.services.sync.account_data import AccountDataNews
from homeserver.services.sync.ephemeral import EphemeralNews
from homeserver.services.sync.forks import Forks
from homeserver.services.sync.invited import InvitedRooms
from homeserver.services.sync.joined import JoinedRooms
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.left import LeftRooms
from homeserver.services.sync.presence import PresenceNews
from homeserver.services.sync.section import SyncSection
from homeserver.services.sync.service import Sync, SyncRequest
from homeserver.services.sync.settings import SyncSettings
from homeserver.services.sync.states import States
from homeserver.services.sync.timelines import Timelines
from homeserver.services.sync.unread import UnreadNews
from homeserver.services.thread_summaries import ThreadSummaries
from homeserver.services.threads import Threads
from homeserver.services.typing import Typing
from homeserver.services.unread import UnreadCounts
from homeserver.services.unread_keeping import UnreadKeeping
from homeserver.services.visible_history import VisibleHistory
from homeserver.services.wakeups import Wakeups
from homeserver.store.database import Database
from tests.rooms import SERVER, RoomServices, room_services
from tests.waiting import turn

PHONE = DeviceID("PHONE")


class SyncServices:
    """Everything that a sync tells of."""

    def __init__(
        self,
        database: Database,
        settings: SyncSettings = SyncSettings(),  # noqa: B008
        presence: PresenceSettings = PresenceSettings(),  # noqa: B008
        rooms: RoomServices | None = None,
        server: ServerName = SERVER,
    ) -> None:
        self.database = database
        self.rooms = rooms = rooms or room_services(database, server)
        self.clock, self.tail, self.known = clock, tail, known = rooms.clock, rooms.tail, rooms.known
        self.serial = EphemeralSerial.starting_at(now_ms(clock))
        self.memberships = Memberships(database, tail)
        self.wakeups = Wakeups(clock, self.memberships)
        self.recent = RecentEvents(database, tail, known)
        self.client_events = ClientEvents(database, known)
        self.ignored = IgnoredUsers(database)
        self.permissions = InvitePermissions(server, database)
        self.push_rules = PushRuleBook(database)
        self.account_data = AccountData(database, self.push_rules)
        self.filters = Filters(database)
        self.typing = Typing(clock, self.serial, self.memberships, self.wakeups, known)
        self.presence = PresenceBoard(database, server, clock, self.serial, self.memberships, self.wakeups, presence)
        self.threads = Threads(known)
        self.receipts = Receipts(database, clock, known, self.memberships, self.threads)
        self.read_markers = ReadMarkers(database, self.memberships, self.receipts)
        self.moves = moves = StateMoves(known, database.head)
        self.summaries = Summaries(database, moves)
        self.pushed = PushedEvents(database, known, self.threads, self.summaries, moves)
        self.keeping = UnreadKeeping(database, clock)
        self.unread = UnreadCounts(
            database, known, self.recent, self.threads, self.pushed, self.push_rules, self.ignored, self.keeping
        )
        self.sent = SentMembers(settings)
        visible = VisibleHistory(database, known)
        self.views = views = RoomViews(database, tail, known, self.memberships, visible)
        kinds, threads = RelationKinds(database, known), ThreadSummaries(database, known)
        aggregations = Aggregations(database, known, views, self.client_events, self.ignored, kinds, threads)
        self.timelines = timelines = Timelines(
            self.recent, visible, Forks(server, database), self.client_events, aggregations
        )
        states = States(database, known, self.client_events, self.sent)
        sections: list[SyncSection] = [
            # Nobody moves this clock on in the midst of an answer.
            JoinedRooms(database, reactor, self.recent, timelines, states, self.summaries, self.sent, settings),
            InvitedRooms(database, known, self.permissions),
            LeftRooms(database, self.recent, timelines, states, settings),
            AccountDataNews(database, self.push_rules),
            EphemeralNews(database, self.typing, self.serial),
            PresenceNews(self.presence, self.serial),
            UnreadNews(reactor, self.unread),
        ]
        for follower in (
            moves.follow,
            self.typing.follow,
            self.memberships.follow,
            self.recent.follow,
            self.client_events.follow,
            kinds.follow,
            threads.follow,
            self.ignored.follow,
            self.permissions.follow,
            self.push_rules.follow,
            self.unread.follow,
            self.wakeups.follow,
        ):
            tail.follow(follower)
        self.sync_service = Sync(
            clock,
            tail,
            self.serial,
            self.memberships,
            self.wakeups,
            self.ignored,
            self.presence,
            sections,
            settings,
        )

    def start(
        self,
        user_id: UserID,
        since: str | None = None,
        *,
        device: DeviceID = PHONE,
        filter: Any = None,
        **more: Any,
    ) -> "Deferred[Any]":
        """A sync that may wait; *more* as ``SyncRequest`` takes it."""
        wanted = DEFAULT_FILTER if filter is None else filter if isinstance(filter, Filter) else parse_filter(filter)
        token = None if since is None else parse_sync_token(since)
        request = SyncRequest(user_id, device, wanted, token, **more)
        return ensureDeferred(self._answer(request))

    async def sync(self, user_id: UserID, since: str | None = None, **more: Any) -> Any:
        """What a sync answers, as clients see it."""
        return await self.start(user_id, since, **more)

    async def _answer(self, request: SyncRequest) -> Any:
        return orjson.loads(orjson.dumps(await self.sync_service.answer(request)))

    async def say(self, room_id: RoomID, sender: UserID, body: str = "hello", **content: Any) -> EventID:
        """A message is in the room."""
        whole = {"msgtype": "m.text", "body": body, **content}
        transaction = Transaction(PHONE, f"txn-{body}")
        return await self.rooms.timeline.send(room_id, Draft("m.room.message", sender, whole, transaction=transaction))

    async def set_state(
        self, room_id: RoomID, sender: UserID, type_: str, content: Any, state_key: str = ""
    ) -> EventID:
        """The room's state has the entry."""
        return await self.rooms.timeline.send(room_id, Draft(type_, sender, content, state_key))

    async def member(self, room_id: RoomID, user_id: UserID, membership: str, sender: UserID | None = None) -> EventID:
        """A user's membership is changed, by themselves unless it is said by whom."""
        content: JSONObject = {"membership": membership}
        return await self.set_state(room_id, sender or user_id, "m.room.member", content, user_id)

    async def join(self, room_id: RoomID, *user_ids: UserID) -> None:
        """The users have joined the room."""
        for user_id in user_ids:
            await self.member(room_id, user_id, "join")

    async def new_room(self, creator: UserID, version: str = "12", **request: Any) -> RoomID:
        """A room that *creator* makes, a second later than anything else: in version 12 the time makes the ID."""
        self.clock.advance(1)
        return await self.rooms.new_room(creator, version, **request)

    async def turn(self) -> None:
        """Whoever was woken has gone on: answered, or waits again."""
        await turn(self.clock)


@define(eq=False)
class Follower:
    """A client that syncs again and again, and remembers what it saw, as the spec tells clients to."""

    services: SyncServices
    user_id: UserID
    filter: Any = None
    since: str | None = None
    timelines: dict[RoomID, list[EventID]] = field(factory=dict)
    """Without gaps, unless *gaps* says so."""
    states: dict[RoomID, dict[tuple[str, str], EventID]] = field(factory=dict)
    gaps: list[RoomID] = field(factory=list)
    left: set[RoomID] = field(factory=set)
    more: dict[str, Any] = field(factory=dict)

    async def sync(self, **more: Any) -> Any:
        """One more answer, taken in."""
        answer = await self.services.sync(self.user_id, self.since, filter=self.filter, **self.more, **more)
        self.take(answer)
        return answer

    def take(self, answer: Any) -> None:
        """What *answer* says is known."""
        rooms = answer.get("rooms", {})
        for room_id, room in rooms.get("join", {}).items():
            self.left.discard(room_id)
            self._take_room(room_id, room)
        for room_id, room in rooms.get("leave", {}).items():
            self.left.add(room_id)
            self._take_room(room_id, room)
        self.since = answer["next_batch"]

    def _take_room(self, room_id: RoomID, room: Any) -> None:
        timeline = self.timelines.setdefault(room_id, [])
        state = self.states.setdefault(room_id, {})
        if room["timeline"]["limited"]:
            if timeline:
                self.gaps.append(room_id)
            timeline.clear()
        for event in room.get("state", room.get("state_after", {})).get("events", []):
            state[event["type"], event["state_key"]] = event["event_id"]
        for event in room["timeline"]["events"]:
            assert event["event_id"] not in timeline, f"{event['event_id']} came twice"
            timeline.append(event["event_id"])
            if "state_key" in event and "state" in room:
                state[event["type"], event["state_key"]] = event["event_id"]
