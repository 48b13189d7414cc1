"""Rendezvous of devices, for logging in with a QR code: MSC4388 and MSC4108."""

import secrets

from homeserver.http.client.rendezvous import RendezvousEndpoints
from homeserver.services.rendezvous import Meetings
from scripts.proposals.proposal import Ground, Proposal


def propose(ground: Ground) -> Proposal:
    """Two devices meet here, unless the settings let nobody open a meeting place."""
    settings = ground.settings.rendezvous
    if settings.create == "nobody":
        return Proposal(features={"io.element.msc4388": False})
    meetings = Meetings(ground.database, ground.reactor, settings, _secret)
    return Proposal(features={"io.element.msc4388": True}, endpoints=(RendezvousEndpoints(meetings),))


def _secret() -> str:
    return secrets.token_urlsafe(24)
