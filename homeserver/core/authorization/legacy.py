"""Rules that early versions had of their own, and later ones have not."""

from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event
from homeserver.core.identifiers import server_of
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def check_aliases(event: Event) -> Verdict:
    """Until v5: a server lists its own aliases, under its own name.  Spec: rooms/v1#authorisation-rules, rule 4"""
    if event.state_key is None:
        return Denied("aliases.state_key")
    if server_of(event.sender) != event.state_key:
        return Denied("aliases.another_server")
    return ALLOWED


def check_legacy_redaction(event: Event, situation: Situation) -> Verdict:
    """Until v2: by level, or by the server that both event IDs name.  Spec: rooms/v1#authorisation-rules, rule 11"""
    if situation.level(event.sender) >= situation.levels.named("redact"):
        return ALLOWED
    if event.redacts is not None and server_of(event.redacts) == server_of(event.event_id):
        return ALLOWED
    return Denied("redaction.power_level")
