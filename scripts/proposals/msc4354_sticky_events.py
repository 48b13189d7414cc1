"""Sticky events: MSC4354."""

from federation.services.sticky_pushes import StickyPushes
from homeserver.http.client.sticky_events import StickyOption
from homeserver.services.sticky_events.extension import StickyExtension
from homeserver.services.sticky_events.section import StickyNews
from homeserver.services.sticky_events.service import StickyEvents
from scripts.parts.foundation import opaque_id
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Events are told to everybody in their room for a while, also by servers that come into it meanwhile."""
    base, servers, rooms, reading = ground.base, ground.servers, ground.rooms, ground.reading
    database, clock, known = base.database, base.reactor, rooms.known_events
    settings = base.settings.sticky_events
    sticky = StickyEvents(
        base.name,
        database,
        clock,
        known,
        rooms.live_rooms,
        ground.news.wakeups,
        settings,
        rooms.recommendations,
    )
    news = StickyNews(database, known, reading.client_events, sticky)
    pushes = StickyPushes(
        base.name,
        database,
        clock,
        known,
        rooms.live_rooms,
        sticky,
        servers.peers,
        servers.destinations,
        opaque_id,
    )
    ground.sliding_extensions.append(StickyExtension(database, known, reading.client_events, sticky))
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
