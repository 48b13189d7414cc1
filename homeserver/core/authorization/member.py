"""
The rules of m.room.member, by membership.

Spec: rooms/v12#authorisation-rules, rule 5
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from homeserver.core.authorization.invite import check_invite
from homeserver.core.authorization.join import check_join
from homeserver.core.authorization.knock import check_knock
from homeserver.core.authorization.leave import check_ban, check_leave
from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event
from homeserver.core.identifiers import is_user_id
from homeserver.core.verdicts import Denied, Verdict

MembershipRule: TypeAlias = Callable[[Event, str, Situation], Verdict]

_RULES: Final[Mapping[str, MembershipRule]] = {
    "join": check_join,
    "invite": check_invite,
    "leave": check_leave,
    "ban": check_ban,
    "knock": check_knock,
}


def check_member(event: Event, situation: Situation) -> Verdict:
    """Whether the target user, whom the state key names, may come to have this membership by this sender."""
    target = event.state_key
    if target is None:
        return Denied("member.state_key")
    if "membership" not in event.content:
        return Denied("member.membership")
    # Since v8: whoever let the user in must have a server, which has signed (required_signatures).
    authorizer_named = situation.rules.restricted and "join_authorised_via_users_server" in event.content
    if authorizer_named and not is_user_id(event.content["join_authorised_via_users_server"]):
        return Denied("member.authorised_via")
    rule = _RULES.get(event.membership or "")
    # Since v7: knocking is a membership.
    if rule is None or (rule is check_knock and not situation.rules.knockable):
        return Denied("member.unknown")
    return rule(event, target, situation)
