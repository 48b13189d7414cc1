"""Kicks and bans that redact what their target has said: MSC4293."""

from homeserver.http.client.member_redactions import MemberRedactionOption
from homeserver.services.member_redactions import FetchedMemberRedactions, MemberRedactions
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """What users have said in a room goes with them, where whoever removes them says so."""
    base, rooms = ground.base, ground.rooms
    redactions = MemberRedactions(base.database, base.reactor, rooms.known_events, rooms.redactions)
    base.jobs.add_kind(redactions)
    return Proposal(
        features={"org.matrix.msc4293": True},
        removal_options=(MemberRedactionOption(),),
        companions=(redactions,),
        state_companions=(redactions,),
        history_companions=(FetchedMemberRedactions(rooms.redactions),),
    )
