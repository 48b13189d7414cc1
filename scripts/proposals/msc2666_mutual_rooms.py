"""Mutual rooms where clients look for them that do not know them to be in the specification: MSC2666."""

from homeserver.http.client.mutual_rooms_unstable import UnstableMutualRoomEndpoints
from homeserver.services.mutual_rooms import MutualRooms
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """The unstable path of an operation that is served at its stable one."""
    rooms = MutualRooms(ground.base.database, ground.members.memberships)
    return Proposal(
        features={"uk.half-shot.msc2666.query_mutual_rooms": True},
        endpoints=(UnstableMutualRoomEndpoints(rooms),),
    )
