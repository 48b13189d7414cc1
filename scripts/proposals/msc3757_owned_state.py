"""State that belongs to users by the beginning of its key: MSC3757."""

from homeserver.core.authorization.owned_state import VERSIONS
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Rooms may be of the versions that have it; none is unless its creator says so."""
    return Proposal(room_versions=VERSIONS)
