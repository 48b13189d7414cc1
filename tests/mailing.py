"""Mail put together for tests, on the services of pushing; the mail server is in memory."""

from itertools import count

from attrs import define

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.mail.addresses import EMAIL
from homeserver.core.pushers import EMAIL_APP_ID, HTTP, PusherName, parse_pusher_change
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock
from homeserver.services.mail.digest_contents import DigestContents
from homeserver.services.mail.digest_schedule import DigestSchedule
from homeserver.services.mail.digesting import Digesting
from homeserver.services.mail.outgoing import Outgoing
from homeserver.services.mail.post import Post
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.mail.texts import Texts
from homeserver.services.room_names import RoomNames
from homeserver.store import threepids
from homeserver.store.database import Database
from homeserver.store.threepids import OwnedAddress
from tests.mail import SETTINGS, Postbox
from tests.pushing import PushServices
from tests.rooms import SERVER

KEY = b"k" * 32
PHONE = DeviceID("PHONE")
_numbers = count(1)


def a_post(database: Database, clock: Clock, postbox: Postbox, settings: EmailSettings = SETTINGS) -> Post:
    """What sends letters to *postbox*."""
    outgoing = Outgoing(database, clock, postbox, settings, lambda: 0.5)
    return Post(database, clock, postbox, outgoing, settings.sender, lambda: f"mail{next(_numbers)}")


@define(eq=False, init=False)
class MailServices:
    """Digests, for one process."""

    push: PushServices
    postbox: Postbox
    post: Post
    digesting: Digesting

    def __init__(self, push: PushServices, postbox: Postbox, settings: EmailSettings = SETTINGS) -> None:
        self.push, self.postbox = push, postbox
        sync, database, clock = push.sync, push.database, push.clock
        self.post = a_post(database, clock, postbox, settings)
        schedule = DigestSchedule(database, clock, settings.rhythm)
        names = RoomNames(database, sync.known, sync.summaries)
        contents = DigestContents(SERVER, push.tail, push.notifications, names, settings)
        texts = Texts(settings.app_name, SERVER)
        base = "https://one.example"
        self.digesting = Digesting(database, clock, schedule, contents, self.post, texts, KEY, base)
        push.pushers.kinds = (HTTP, EMAIL)
        push.pushing.digests = schedule

    async def start(self) -> None:
        await self.post.outgoing.start()
        await self.digesting.start()

    async def stop(self) -> None:
        await self.digesting.stop()
        await self.post.outgoing.stop()

    async def set_pusher(self, user_id: UserID, address: str, lang: str = "en") -> None:
        """The user wants mail at that address."""
        change = parse_pusher_change(
            {
                "app_id": EMAIL_APP_ID,
                "pushkey": address,
                "kind": EMAIL,
                "app_display_name": "Mail",
                "device_display_name": address,
                "lang": lang,
                "data": {},
            },
            allow_http=False,
        )
        await self.push.pushers.change(Caller(user_id, PHONE), change)

    async def end_pusher(self, user_id: UserID, address: str) -> None:
        """The user wants none any more."""
        await self.push.pushers.change(Caller(user_id, PHONE), PusherName(EMAIL_APP_ID, address))


async def give_address(database: Database, user_id: UserID, address: str) -> None:
    """The address is the user's."""
    assert await database.write(threepids.insert_new, user_id, OwnedAddress(EMAIL, address, 0, 0))
