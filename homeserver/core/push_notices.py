"""
What push gateways are told, and what they answer.

Spec: push-gateway-api
"""

from collections.abc import Collection, Mapping

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import UserID
from homeserver.core.push_rules.evaluation import Actions
from homeserver.core.pushers import Pusher

ENCRYPTED = "m.room.encrypted"


@frozen
class RoomShown:
    """What a push tells of the room besides the event; None: nothing to tell."""

    sender_display_name: str | None = None
    room_name: str | None = None
    room_alias: str | None = None


def device_json(pusher: Pusher, set_ms: int, tweaks: Mapping[str, JSON] | None = None) -> JSONObject:
    """The device that a push is for; *set_ms*: when the pusher was set."""
    device: JSONObject = {
        "app_id": pusher.name.app_id,
        "pushkey": pusher.name.pushkey,
        "pushkey_ts": set_ms // 1000,
        "data": pusher.gateway_data,
    }
    if tweaks:
        device["tweaks"] = dict(tweaks)
    return device


def priority_of(event: Event, actions: Actions) -> str:
    """
    ``low`` for what nobody is alerted to by sound or highlight; that may reach the device when it wakes anyway.

    Of what is encrypted only the device can say.
    """
    return "high" if actions.sound is not None or actions.highlight or event.type == ENCRYPTED else "low"


def event_notice(
    event: Event, user_id: UserID, actions: Actions, unread: int, room: RoomShown, device: JSONObject
) -> JSONObject:
    """All that may be told of an event, but for what is not there."""
    notice = brief_notice(event, actions, unread, device)
    notice |= {"type": event.type, "sender": event.sender}
    if event.content:
        notice["content"] = dict(event.content)
    if event.type == "m.room.member":
        notice["user_is_target"] = event.state_key == user_id
    shown = {
        "sender_display_name": room.sender_display_name,
        "room_name": room.room_name,
        "room_alias": room.room_alias,
    }
    notice |= {name: text for name, text in shown.items() if text is not None}
    return notice


def brief_notice(event: Event, actions: Actions, unread: int, device: JSONObject) -> JSONObject:
    """Which event it is, for gateways that are to know no more."""
    return {
        "event_id": event.event_id,
        "room_id": event.room_id,
        "prio": priority_of(event, actions),
        # A count of zero is left out.
        "counts": {"unread": unread} if unread else {},
        "devices": [device],
    }


def badge_notice(unread: int, device: JSONObject) -> JSONObject:
    """The count alone, without an event."""
    # NOTSPEC: zero is told, as it is the news; gateways leave the badge as it is where the count is left out.
    return {"prio": "low", "counts": {"unread": unread}, "devices": [device]}


def parse_rejected(answer: JSON, asked: Collection[str]) -> list[str]:
    """Those of the pushkeys that were *asked* about which the gateway says are no good."""
    rejected = answer.get("rejected") if isinstance(answer, dict) else None
    return [key for key in asked if key in rejected] if isinstance(rejected, list) else []
