"""Redactions that take along what relates to their target: MSC3912."""

from homeserver.http.client.related_redactions import RelatedRedactionOption
from homeserver.services.related_redactions import RelatedRedactions
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Edits, replies in threads and so on are redacted together with what they relate to, also when they come later."""
    base = ground.base
    related = RelatedRedactions(base.database, base.reactor, ground.rooms.known_events, ground.members.sending)
    base.jobs.add_kind(related)
    return Proposal(
        features={"org.matrix.msc3912": True},
        redact_options=(RelatedRedactionOption(related),),
        companions=(related,),
        history_companions=(related,),
    )
