"""How long messages are kept: MSC1763."""

from homeserver.http.client.retention import RetentionEndpoints
from homeserver.services.room_removal.history import HistoryPurge
from homeserver.services.room_removal.retention import Retention
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Messages that have outlived their time are hidden at once and deleted soon, where the settings say so."""
    base, rooms = ground.base, ground.rooms
    settings = base.settings.retention
    if not settings.enabled:
        return Proposal()
    purge = HistoryPurge(base.database, rooms.known_events, base.jobs)
    retention = Retention(base.database, base.reactor, rooms.known_events, base.jobs, purge, settings)
    base.jobs.add_kind(retention)
    ground.reading.visible.horizon = retention
    rooms.forgetting.rooms.append(retention)
    return Proposal(
        features={"org.matrix.msc1763": True},
        endpoints=(RetentionEndpoints(retention),),
        followers=(retention.follow,),
        runners=(retention,),
    )
