"""The rule of m.room.third_party_invite.  Spec: rooms/v12#authorisation-rules, rule 7"""

from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def check_third_party_invite(event: Event, situation: Situation) -> Verdict:
    """Whoever may invite a user may invite an address; no other level counts."""
    if situation.level(event.sender) >= situation.levels.named("invite"):
        return ALLOWED
    return Denied("third_party_invite.power_level")
