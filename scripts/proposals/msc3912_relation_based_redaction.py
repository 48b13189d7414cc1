"""Redactions that take along what relates to their target: MSC3912."""

from homeserver.http.client.related_redactions import RelatedRedactionOption
from homeserver.services.related_redactions import RelatedRedactions
from scripts.proposals.proposal import Ground, Proposal


def propose(ground: Ground) -> Proposal:
    """Edits, replies in threads and so on are redacted together with what they relate to, also when they come later."""
    related = RelatedRedactions(ground.database, ground.reactor, ground.known_events, ground.sending)
    ground.jobs.add_kind(related)
    return Proposal(
        features={"org.matrix.msc3912": True},
        redact_options=(RelatedRedactionOption(related),),
        companions=(related,),
        history_companions=(related,),
    )
