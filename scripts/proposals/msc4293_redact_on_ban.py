"""Kicks and bans that redact what their target has said: MSC4293."""

from homeserver.http.client.member_redactions import MemberRedactionOption
from homeserver.services.member_redactions import FetchedMemberRedactions, MemberRedactions
from scripts.proposals.proposal import Ground, Proposal


def propose(ground: Ground) -> Proposal:
    """What users have said in a room goes with them, where whoever removes them says so."""
    redactions = MemberRedactions(ground.database, ground.reactor, ground.known_events, ground.redactions)
    ground.jobs.add_kind(redactions)
    return Proposal(
        features={"org.matrix.msc4293": True},
        removal_options=(MemberRedactionOption(),),
        companions=(redactions,),
        history_companions=(FetchedMemberRedactions(ground.redactions),),
    )
