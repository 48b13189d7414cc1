"""The rules of knocking.  Spec: rooms/v12#authorisation-rules, rule 5.7"""

from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def check_knock(event: Event, target: str, situation: Situation) -> Verdict:
    """Whether *target* may ask to be let in."""
    # Since v7: the join rule must allow knocking; since v10 two of them do.
    if situation.join_rule not in situation.rules.knockable:
        return Denied("member.knock.rule")
    # Since v7: nobody knocks for somebody else.
    if event.sender != target:
        return Denied("member.knock.for_another")
    # Since v7: the banned, the invited and the joined have nothing to ask.
    if situation.membership(target) in {"ban", "invite", "join"}:
        return Denied("member.knock.membership")
    return ALLOWED
