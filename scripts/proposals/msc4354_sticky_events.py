"""Sticky events: MSC4354."""

from federation.services.sticky_pushes import StickyPushes
from homeserver.http.client.sticky_events import StickyOption
from homeserver.services.sticky_events.extension import StickyExtension
from homeserver.services.sticky_events.section import StickyNews
from homeserver.services.sticky_events.service import StickyEvents
from scripts.proposals.proposal import Ground, Proposal


def propose(ground: Ground) -> Proposal:
    """Events are told to everybody in their room for a while, also by servers that come into it meanwhile."""
    database, clock, known = ground.database, ground.reactor, ground.known_events
    settings = ground.settings.sticky_events
    sticky = StickyEvents(ground.name, database, clock, known, ground.live_rooms, ground.wakeups, settings)
    news = StickyNews(database, known, ground.client_events, sticky)
    pushes = StickyPushes(
        ground.name,
        database,
        clock,
        known,
        ground.live_rooms,
        sticky,
        ground.peers,
        ground.destinations,
        ground.opaque_id,
    )
    ground.sliding_extensions.append(StickyExtension(database, known, ground.client_events, sticky))
    return Proposal(
        features={"org.matrix.msc4354": True},
        sections=(news,),
        followers=(sticky.follow, pushes.follow),
        runners=(sticky, pushes),
        send_options=(StickyOption(),),
        unsigned=(news,),
        companions=(sticky,),
        skipped=(pushes.push,),
    )
