"""Push notifications put together for tests, on the services of a sync; the gateway is a fake."""

from itertools import count
from typing import Any

from attrs import define, field
from twisted.internet import reactor

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, EventID, UserID
from homeserver.core.pushers import HTTP, parse_pusher_change
from homeserver.services.callers import Caller
from homeserver.services.notifications import Notifications
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.pushers import Pushers
from homeserver.services.pushing.badges import Badges
from homeserver.services.pushing.dues import Dues
from homeserver.services.pushing.index import PusherIndex
from homeserver.services.pushing.lane import Surroundings
from homeserver.services.pushing.notices import Notices
from homeserver.services.pushing.service import Pushing
from homeserver.services.pushing.settings import PushSettings
from homeserver.services.room_names import RoomNames
from homeserver.services.rule_owners import RuleOwners
from homeserver.store.database import Database
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase
from tests.syncing import SyncServices
from tests.waiting import at_rest

GATEWAY = "https://push.example/_matrix/push/v1/notify"
ERIN = UserID("@erin:one.example")
SETTINGS = PushSettings(retry_min_seconds=1, retry_max_seconds=8, give_up_seconds=60)
_holders = count(1)


@define(eq=False)
class FakeGateway:
    """Writes down what it is told; *fails*: how often it still answers with an error."""

    told: list[tuple[str, JSONObject]] = field(factory=list)
    rejected: list[str] = field(factory=list)
    fails: int = 0
    tried: int = 0
    unreachable: bool = False

    async def notify(self, url: str, notification: JSONObject) -> JSON:
        self.tried += 1
        if self.unreachable:
            raise PeerUnreachable(url, "nobody is there")
        if self.fails:
            self.fails -= 1
            raise PeerFault(url, 502)
        self.told.append((url, notification))
        return {"rejected": list(self.rejected)}

    @property
    def notices(self) -> list[Any]:
        """What it was told."""
        return [notice for _, notice in self.told]

    @property
    def events(self) -> list[Any]:
        """The events that it was told of."""
        return [notice["event_id"] for notice in self.notices if "event_id" in notice]


class PushServices:
    """All of it, for one process."""

    def __init__(
        self,
        database: Database,
        settings: PushSettings = PushSettings(),  # noqa: B008
        sync: SyncServices | None = None,
        gateway: FakeGateway | None = None,
        users_max: int = 1_000,
    ) -> None:
        self.sync = sync = sync or SyncServices(database)
        self.database, self.clock, self.tail = database, sync.clock, sync.tail
        self.gateway = gateway or FakeGateway()
        self.owners = owners = RuleOwners(sync.known, sync.push_rules, sync.ignored, sync.permissions)
        self.pushers = Pushers(database, self.clock, settings, (HTTP,))
        self.badges = Badges(reactor, self.tail, sync.memberships, sync.unread)
        self.index = PusherIndex(database, sync.memberships, users_max)
        self.dues = Dues(
            database,
            self.tail,
            sync.known,
            sync.memberships,
            sync.pushed,
            owners,
            self.index,
            reactor,
        )
        notices = Notices(
            database,
            self.tail,
            sync.known,
            sync.memberships,
            sync.threads,
            self.badges,
            RoomNames(database, sync.known, sync.summaries),
            settings.include_content,
        )
        around = Surroundings(self.clock, self.gateway, self.dues, notices, self.badges, settings, lambda: 0.5)
        self.pushing = Pushing(database, self.clock, self.dues, around, f"process{next(_holders)}")
        for follower in (self.badges, self.pushing):
            self.tail.follow(follower.follow)
        self.notifications = Notifications(
            database,
            reactor,
            self.tail,
            sync.known,
            sync.memberships,
            owners,
            sync.pushed,
            sync.client_events,
        )

    async def set_pusher(
        self,
        user_id: UserID,
        pushkey: str = "key",
        device_id: DeviceID = DeviceID("PHONE"),  # noqa: B008
        **data: Any,
    ) -> None:
        """The user has a pusher to the gateway."""
        change = parse_pusher_change(a_pusher(pushkey, **data), allow_http=False)
        await self.pushers.change(Caller(user_id, device_id), change)

    def pass_time(self, seconds: float) -> None:
        """Time passes, step by step."""
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)


def a_pusher(pushkey: str = "key", **data: Any) -> JSONObject:
    """What a client sends to set a pusher."""
    return {
        "app_id": "org.example.app",
        "pushkey": pushkey,
        "kind": "http",
        "app_display_name": "App",
        "device_display_name": "Phone",
        "lang": "en",
        "append": False,
        "data": {"url": GATEWAY, **data},
    }


class PushCase(DatabaseCase):
    """Alice and Dave are in a room; Alice has a pusher."""

    users_max = 1_000

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.push = PushServices(self.database, SETTINGS, users_max=self.users_max)
        self.gateway, self.sync = self.push.gateway, self.push.sync
        await self.push.pushing.start()
        self.addCleanup(self.push.pushing.stop)
        self.room_id = await self.sync.new_room(ALICE, preset="public_chat", name="Tea")
        await self.sync.join(self.room_id, DAVE, ERIN)
        await self.push.set_pusher(ALICE)
        await at_rest()

    async def say(self, body: str = "hello", sender: UserID = DAVE) -> EventID:
        event_id = await self.sync.say(self.room_id, sender, body)
        await at_rest()
        return event_id

    async def pass_time(self, seconds: float, push: PushServices | None = None) -> None:
        push = push or self.push
        for _ in range(int(seconds * 2)):
            push.clock.advance(0.5)
            await at_rest()

    async def restarted(self, gateway: FakeGateway | None = None) -> PushServices:
        """Another process on the same database."""
        sync = SyncServices(self.database)
        sync.clock.advance(self.push.clock.seconds() - sync.clock.seconds())
        push = PushServices(self.database, SETTINGS, sync, gateway or self.gateway, self.users_max)
        await push.pushing.start()
        self.addCleanup(push.pushing.stop)
        await at_rest()
        return push
