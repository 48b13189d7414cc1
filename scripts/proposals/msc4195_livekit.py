"""Calls by LiveKit, into which this server lets users itself: MSC4195."""

from federation.http.server.livekit import ServerLiveKitEndpoints
from federation.services.remote_clusters import RemoteClusters
from homeserver.http.client.livekit import LiveKitEndpoints
from homeserver.services.livekit.service import LiveKit
from scripts.parts.foundation import own_keys
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal

KEY_FILE = "livekit.key"


def propose(ground: Ground) -> Proposal:
    """Users come into calls here, where the settings name a cluster, and into those of other servers."""
    base = ground.base
    settings = base.settings.rtc.livekit
    # It signs nothing that anybody sees: of the same, its signature is always the same.
    key = base.keys.current if settings is None else own_keys(base.settings.data_dir, KEY_FILE, "livekit").current
    livekit = LiveKit(
        base.name,
        settings,
        base.reactor,
        ground.members.memberships,
        ground.rooms.live_rooms,
        RemoteClusters(ground.servers.peers),
        key.sign,
    )
    return Proposal(endpoints=(LiveKitEndpoints(livekit), ServerLiveKitEndpoints(livekit)))
