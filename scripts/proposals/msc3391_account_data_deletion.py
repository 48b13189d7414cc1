"""Deleting account data: MSC3391."""

from homeserver.http.client.account_data_deletion import AccountDataDeletionEndpoints
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Account data can be deleted; to write nothing into it is the same."""
    ground.users.account_data.is_none = lambda content: not content
    return Proposal(
        features={"org.matrix.msc3391": True},
        endpoints=(AccountDataDeletionEndpoints(ground.users.account_data),),
    )
