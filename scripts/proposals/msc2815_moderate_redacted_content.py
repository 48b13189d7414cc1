"""What was redacted is kept for a while, for those who may redact: MSC2815."""

from homeserver.http.client.redacted_contents import RedactedContentDetour
from homeserver.services.redacted_contents import RedactedContents, forget_redacted_contents
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Where the settings say so; where they do not any more, what was kept goes."""
    base, reading = ground.base, ground.reading
    settings = base.settings.moderation
    contents = RedactedContents(
        base.database,
        base.reactor,
        ground.rooms.known_events,
        reading.views,
        reading.messages,
        reading.shown,
        settings,
    )
    chores = (forget_redacted_contents(settings),)
    if not settings.redacted_content_days:
        return Proposal(features={"fi.mau.msc2815": False}, chores=chores, belongings=(contents,))
    return Proposal(
        features={"fi.mau.msc2815": True},
        event_detours=(RedactedContentDetour(contents),),
        witnesses=(contents.keep,),
        chores=chores,
        belongings=(contents,),
    )
