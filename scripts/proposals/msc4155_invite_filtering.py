"""
Lists of whom users want to be invited by, beside the switch for everybody that is in the specification.

Spec: client-server-api#invite-permission, proposals/4155
"""

from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Clients are told that the lists of ``m.invite_permission_config`` are heeded, under both of its names."""
    return Proposal(features={"org.matrix.msc4155": True})
