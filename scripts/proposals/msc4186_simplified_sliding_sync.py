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
    settings, database, known = ground.base.settings, ground.base.database, ground.rooms.known_events
    spans = LogSpans(ground.base.tail, settings.sync.entries_max)
    bumps = Bumps(database, known)
    entries = Entries(
        database,
        ground.base.reactor,
        known,
        ground.news.recent,
        ground.news.timelines,
        RequiredStates(database, known, ground.reading.client_events, ground.news.sent_members),
        ground.news.summaries,
        ground.news.unread,
        bumps,
        settings.sync.timeline_max,
    )
    ground.sliding_extensions[:0] = [
        ToDeviceExtension(ground.encryption.to_device),
        EncryptionExtension(DeviceListNews(ground.encryption.device_lists), KeyCountNews(ground.encryption.key_counts)),
        AccountDataExtension(database, ground.users.push_rules),
        ReceiptsExtension(database),
        TypingExtension(ground.news.typing, ground.news.serial),
    ]
    sliding_sync = SlidingSync(
        database,
        ground.base.reactor,
        ground.base.tail,
        ground.news.serial,
        ground.members.memberships,
        ground.news.wakeups,
        ground.reading.ignored,
        ground.news.presence,
        RoomOrders(database, ground.base.tail, ground.members.memberships, ground.news.state_moves, spans),
        RoomFiltering(database, known, ground.reading.ignored, ground.users.invite_permissions),
        Links(database, ground.base.reactor, settings.sliding_sync),
        entries,
        ground.news.sent_members,
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
