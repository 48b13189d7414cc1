"""
Simplified sliding sync: of a user's many rooms those that a client looks at.

Spec: proposals/4186
"""

from e2ee.services.sliding_extensions import EncryptionExtension, ToDeviceExtension
from e2ee.services.sync_sections import DeviceListNews, KeyCountNews
from homeserver.http.client.sliding_sync import SlidingSyncEndpoints
from homeserver.services.sliding.bumps import Bumps
from homeserver.services.sliding.entries import Entries
from homeserver.services.sliding.extensions import AccountDataExtension, ReceiptsExtension, TypingExtension
from homeserver.services.sliding.links import Links, forget_connections
from homeserver.services.sliding.required_states import RequiredStates
from homeserver.services.sliding.room_filtering import RoomFiltering
from homeserver.services.sliding.room_orders import RoomOrders
from homeserver.services.sliding.service import SlidingSync
from homeserver.services.sync.log_spans import LogSpans
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """What sliding sync adds; extensions of other proposals are in ``ground`` by the time it is asked."""
    base, members, reading = ground.base, ground.members, ground.reading
    users, news, encryption = ground.users, ground.news, ground.encryption
    settings, database, known = base.settings, base.database, ground.rooms.known_events
    spans = LogSpans(base.tail, settings.sync.entries_max)
    bumps = Bumps(database, known)
    orders = RoomOrders(database, base.tail, members.memberships, news.state_moves, spans)
    ground.rooms.forgetting.rooms += (bumps, orders)
    entries = Entries(
        database,
        base.reactor,
        known,
        news.recent,
        news.timelines,
        RequiredStates(database, known, reading.client_events, news.sent_members),
        news.summaries,
        news.unread,
        bumps,
        settings.sync.timeline_max,
    )
    ground.sliding_extensions[:0] = [
        ToDeviceExtension(encryption.to_device),
        EncryptionExtension(DeviceListNews(encryption.device_lists), KeyCountNews(encryption.key_counts)),
        AccountDataExtension(database, users.push_rules),
        ReceiptsExtension(database),
        TypingExtension(news.typing, news.serial),
    ]
    sliding_sync = SlidingSync(
        database,
        base.reactor,
        base.tail,
        news.serial,
        members.memberships,
        news.wakeups,
        reading.ignored,
        news.presence,
        orders,
        RoomFiltering(database, known, reading.ignored, users.invite_permissions),
        Links(database, base.reactor, settings.sliding_sync),
        entries,
        news.sent_members,
        spans,
        ground.sliding_extensions,
        settings.sync.timeout_max_seconds,
        ground.unsigned,
    )
    return Proposal(
        features={"org.matrix.simplified_msc3575": True},
        endpoints=[SlidingSyncEndpoints(sliding_sync)],
        followers=[bumps.follow],
        chores=[forget_connections(settings.sliding_sync)],
    )
