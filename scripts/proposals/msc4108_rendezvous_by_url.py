"""Rendezvous of devices as MSC4108 had them in 2024, and as deployed clients log in with a QR code."""

import secrets

from homeserver.http.client.rendezvous_by_url import RendezvousByURLEndpoints
from homeserver.services.rendezvous_by_url import Places
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Two devices meet at a URL, unless the settings have none."""
    base = ground.base
    settings = base.settings.rendezvous
    if settings.create == "nobody" or not settings.by_url:
        return Proposal(features={"org.matrix.msc4108": False})
    places = Places(base.database, base.reactor, settings, _secret)
    endpoints = (RendezvousByURLEndpoints(places, base.settings.baseurl),)
    return Proposal(features={"org.matrix.msc4108": True}, endpoints=endpoints)


def _secret() -> str:
    return secrets.token_urlsafe(24)
