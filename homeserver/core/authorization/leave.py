"""The rules of leaving, kicking, unbanning and banning.  Spec: rooms/v12#authorisation-rules, rules 5.5 and 5.6"""

from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def check_leave(event: Event, target: str, situation: Situation) -> Verdict:
    """Whether *target* may be out of the room: by its own will, or by a sender with the power to remove or unban it."""
    if event.sender == target:
        return _check_own_leave(target, situation)
    if not situation.is_joined(event.sender):
        return Denied("member.leave.sender_not_joined")
    level = situation.level(event.sender)
    if situation.membership(target) == "ban" and level < situation.levels.named("ban"):
        return Denied("member.leave.unban_power_level")
    if level < situation.levels.named("kick") or situation.level(target) >= level:
        return Denied("member.leave.power_level")
    return ALLOWED


def check_ban(event: Event, target: str, situation: Situation) -> Verdict:
    """Whether the sender may bar *target*, in the room or not."""
    if not situation.is_joined(event.sender):
        return Denied("member.ban.sender_not_joined")
    level = situation.level(event.sender)
    if level < situation.levels.named("ban") or situation.level(target) >= level:
        return Denied("member.ban.power_level")
    return ALLOWED


def _check_own_leave(target: str, situation: Situation) -> Verdict:
    membership = situation.membership(target)
    if membership in {"invite", "join"}:
        return ALLOWED
    # Since v7: a knock can be taken back.
    if membership == "knock" and situation.rules.knockable:
        return ALLOWED
    return Denied("member.leave.not_there")
