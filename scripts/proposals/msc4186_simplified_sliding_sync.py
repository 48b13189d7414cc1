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
from scripts.proposals.proposal import Ground, Proposal


def propose(ground: Ground) -> Proposal:
    """What sliding sync adds; extensions of other proposals are in ``ground`` by the time it is asked."""
    settings, database, known = ground.settings, ground.database, ground.known_events
    spans = LogSpans(ground.tail, settings.sync.entries_max)
    bumps = Bumps(database, known)
    entries = Entries(
        database,
        ground.reactor,
        known,
        ground.recent,
        ground.timelines,
        RequiredStates(database, known, ground.client_events, ground.sent_members),
        ground.summaries,
        ground.unread,
        bumps,
        settings.sync.timeline_max,
    )
    ground.sliding_extensions[:0] = [
        ToDeviceExtension(ground.to_device),
        EncryptionExtension(DeviceListNews(ground.device_lists), KeyCountNews(ground.key_counts)),
        AccountDataExtension(database, ground.push_rules),
        ReceiptsExtension(database),
        TypingExtension(ground.typing, ground.serial),
    ]
    sliding_sync = SlidingSync(
        database,
        ground.reactor,
        ground.tail,
        ground.serial,
        ground.memberships,
        ground.wakeups,
        ground.ignored,
        ground.presence,
        RoomOrders(database, ground.tail, ground.memberships, ground.state_moves, spans),
        RoomFiltering(database, known, ground.ignored, ground.invite_permissions),
        Links(database, ground.reactor, settings.sliding_sync),
        entries,
        ground.sent_members,
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
