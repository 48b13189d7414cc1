"""How long messages are kept: MSC1763."""

from homeserver.http.client.retention import RetentionEndpoints
from homeserver.services.room_removal.history import HistoryPurge
from homeserver.services.room_removal.retention import Retention
from scripts.proposals.proposal import Ground, Proposal


def propose(ground: Ground) -> Proposal:
    """Messages that have outlived their time are hidden at once and deleted soon, where the settings say so."""
    settings = ground.settings.retention
    if not settings.enabled:
        return Proposal()
    purge = HistoryPurge(ground.database, ground.known_events, ground.jobs)
    retention = Retention(ground.database, ground.reactor, ground.known_events, ground.jobs, purge, settings)
    ground.jobs.add_kind(retention)
    ground.visible.horizon = retention
    ground.forgetting.rooms.append(retention)
    return Proposal(
        features={"org.matrix.msc1763": True},
        endpoints=(RetentionEndpoints(retention),),
        followers=(retention.follow,),
        runners=(retention,),
    )
