"""Rendezvous of devices, for logging in with a QR code: MSC4388, as MSC4108 has it today."""

import secrets

from homeserver.http.client.rendezvous import RendezvousEndpoints
from homeserver.services.rendezvous import Meetings
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Two devices meet here, unless the settings let nobody open a meeting place."""
    base = ground.base
    settings = base.settings.rendezvous
    if settings.create == "nobody":
        return Proposal(features={"io.element.msc4388": False})
    meetings = Meetings(base.database, base.reactor, settings, _secret)
    return Proposal(features={"io.element.msc4388": True}, endpoints=(RendezvousEndpoints(meetings),))


def _secret() -> str:
    return secrets.token_urlsafe(24)
