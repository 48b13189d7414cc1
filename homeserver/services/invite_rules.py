"""What the push rules of an invited user say of the invite."""

from homeserver.core.log import Position
from homeserver.core.power_levels import power_levels_of
from homeserver.core.push_rules.conditions import PushedEvent
from homeserver.core.push_rules.evaluation import Actions
from homeserver.core.timeline import TimelineEvent, ordering_at
from homeserver.services.pushed_events import PushedEvents
from homeserver.services.rule_owners import RuleOwners
from homeserver.store.memberships import Membership


async def judge_invite(
    owners: RuleOwners, pushed: PushedEvents, row: Membership, invite: TimelineEvent, upto: Position
) -> Actions:
    """What the user of *row* is to be told of the invite."""
    if invite.ordering is not None:
        told = (await pushed.of(row.room_nid, invite, upto)).event
    else:
        # Of a room that is not here neither members nor levels are known.
        told = PushedEvent(invite.event, 0, power_levels_of({}, invite.event.version))
    return await owners.judge(await owners.of(row), invite, told, ordering_at(row.position))
