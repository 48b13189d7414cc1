"""The rules of joining.  Spec: rooms/v12#authorisation-rules, rule 5.3"""

from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event
from homeserver.core.power_levels import creators_of
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def check_join(event: Event, target: str, situation: Situation) -> Verdict:
    """Whether *target* may be in the room."""
    if _is_first_join(event, target, situation):
        return ALLOWED
    if event.sender != target:
        return Denied("member.join.for_another")
    membership = situation.membership(target)
    if membership == "ban":
        return Denied("member.join.banned")
    return _check_join_rule(event, membership, situation)


def _is_first_join(event: Event, target: str, situation: Situation) -> bool:
    create = situation.create
    if event.prev_events != (create.event_id,):
        return False
    # Until v10 content.creator; since v11 the sender of m.room.create, and in v12 none of the additional creators.
    if situation.rules.creator_in_content:
        return target in creators_of(create)
    return target == create.sender


def _check_join_rule(event: Event, membership: str, situation: Situation) -> Verdict:
    rule = situation.join_rule
    if rule == "public":
        return ALLOWED
    # Since v7 the rule knock lets the invited in as well; since v8 restricted, since v10 knock_restricted.
    rules = situation.rules
    if rule != "invite" and rule not in rules.knockable and rule not in rules.restricted:
        return Denied("member.join.rule")
    if membership in {"invite", "join"}:
        return ALLOWED
    if rule not in rules.restricted:
        return Denied("member.join.not_invited")
    return _check_let_in(event, situation)


def _check_let_in(event: Event, situation: Situation) -> Verdict:
    # Since v8: a member who may invite lets the user in, having seen that the conditions of the room are met.
    authorizer = event.content.get("join_authorised_via_users_server")
    if not isinstance(authorizer, str) or not situation.is_joined(authorizer):
        return Denied("member.join.authorizer_not_joined")
    if situation.level(authorizer) < situation.levels.named("invite"):
        return Denied("member.join.authorizer_power_level")
    return ALLOWED
