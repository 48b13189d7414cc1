"""
What a new room begins with: the events that a request to create it implies, in their order.

Spec: client-server-api#post_matrixclientv3createroom
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import RoomAlias, UserID, is_user_id
from homeserver.core.malformed import Malformed
from homeserver.core.room_outlines import SPACE
from homeserver.core.versions import RoomVersion

PRIVATE_CHAT: Final = "private_chat"
PUBLIC_CHAT: Final = "public_chat"
TRUSTED_PRIVATE_CHAT: Final = "trusted_private_chat"
_UPGRADE_LEVEL: Final = 150
"""Since v12: what upgrading a room takes."""


@frozen
class _Preset:
    join_rule: str
    guest_access: str


PRESETS: Final[Mapping[str, _Preset]] = {
    PRIVATE_CHAT: _Preset("invite", "can_join"),
    TRUSTED_PRIVATE_CHAT: _Preset("invite", "can_join"),
    PUBLIC_CHAT: _Preset("public", "forbidden"),
}


@frozen
class InitialState:
    """A state event that the request lists."""

    type: str
    content: JSONObject
    state_key: str = ""


@frozen
class RoomRequest:
    """
    What somebody wants a new room to be.

    *alias*: its canonical alias, already reserved.  *invited*: local and remote users, each once.
    *member_content*: the creator's profile, for the join.
    """

    creator: UserID
    version: RoomVersion
    preset: str = PRIVATE_CHAT
    alias: RoomAlias | None = None
    name: str | None = None
    topic: str | None = None
    creation_content: JSONObject = field(factory=dict)
    initial_state: Sequence[InitialState] = ()
    power_level_content_override: JSONObject = field(factory=dict)
    invited: Sequence[UserID] = ()
    is_direct: bool = False
    member_content: JSONObject = field(factory=dict)


def create_draft(request: RoomRequest) -> Draft:
    """The ``m.room.create``.  Raises Malformed when the request puts what cannot be into it."""
    content: JSONObject = {**request.creation_content, "room_version": request.version.id}
    content.pop("creator", None)
    if request.version.auth.creator_in_content:
        content["creator"] = request.creator
    if request.version.auth.privileged_creators:
        additional = _additional_creators(request)
        if additional:
            content["additional_creators"] = additional
    return Draft("m.room.create", request.creator, content, "")


def opening_drafts(request: RoomRequest) -> list[Draft]:
    """Everything after the ``m.room.create`` and before the invites.  Raises Malformed."""
    creator = request.creator
    content: JSONObject = {**request.member_content, "membership": "join"}
    drafts = [
        Draft("m.room.member", creator, content, creator),
        Draft("m.room.power_levels", creator, power_levels(request), ""),
    ]
    stated = {(item.type, item.state_key) for item in request.initial_state}
    if request.alias is not None:
        drafts.append(Draft("m.room.canonical_alias", creator, {"alias": request.alias}, ""))
    drafts += [draft for draft in _preset_drafts(request) if (draft.type, draft.state_key) not in stated]
    drafts += [Draft(item.type, creator, item.content, item.state_key) for item in _initial_state(request)]
    if request.name is not None:
        drafts.append(Draft("m.room.name", creator, {"name": request.name}, ""))
    if request.topic is not None:
        drafts.append(Draft("m.room.topic", creator, topic_content(request.topic), ""))
    return drafts


def topic_content(topic: str) -> JSONObject:
    """The content of an ``m.room.topic`` in plain text.  Spec: client-server-api#mroomtopic"""
    return {"topic": topic, "m.topic": {"m.text": [{"body": topic}]}}


def power_levels(request: RoomRequest) -> JSONObject:
    """The first ``m.room.power_levels``, with what the request overrides.  Raises Malformed."""
    privileged = request.version.auth.privileged_creators
    users: JSONObject = {} if privileged else {request.creator: 100}
    if request.preset == TRUSTED_PRIVATE_CHAT and not privileged:
        users |= dict.fromkeys(request.invited, 100)
    content: JSONObject = {
        "users": users,
        "users_default": 0,
        "events": {
            "m.room.name": 50,
            "m.room.avatar": 50,
            "m.room.canonical_alias": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.encryption": 100,
            "m.room.server_acl": 100,
            # Since v12 whoever may upgrade a room stands above those who may change its state.
            "m.room.tombstone": _UPGRADE_LEVEL if privileged else 100,
        },
        # Nobody talks in a space.  Spec: client-server-api#spaces
        "events_default": 100 if request.creation_content.get("type") == SPACE else 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": 50 if request.preset == PUBLIC_CHAT else 0,
    }
    content |= request.power_level_content_override
    _check_power_levels(request, content)
    if privileged:
        _guard_upgrades(request.power_level_content_override, content)
    return content


def _guard_upgrades(stated: JSONObject, content: JSONObject) -> None:
    """
    Whoever may upgrade the room stands above its state, also where the request says nothing of that.

    Spec: client-server-api#post_matrixclientv3createroom
    """
    events, state_default = content.get("events"), content.get("state_default")
    if not isinstance(events, dict) or not isinstance(state_default, int):
        # The rules of the room refuse these.
        return
    level = {"m.room.tombstone": max(_UPGRADE_LEVEL, state_default + 1)}
    content["events"] = level | events if "events" in stated else events | level


def _check_power_levels(request: RoomRequest, content: Mapping[str, JSON]) -> None:
    users = content.get("users")
    if not request.version.auth.privileged_creators or not isinstance(users, dict):
        return
    creators = _additional_creators(request)
    for user_id in users:
        if user_id == request.creator or user_id in creators:
            raise Malformed(
                f"{user_id} creates this room and stands above its power levels, so has no entry among them.",
                "power_level_content_override.users",
            )


def _additional_creators(request: RoomRequest) -> list[JSON]:
    stated = request.creation_content.get("additional_creators", [])
    if not isinstance(stated, list) or not all(is_user_id(user_id) for user_id in stated):
        raise Malformed("This must be an array of user IDs.", "creation_content.additional_creators")
    invited = request.invited if request.preset == TRUSTED_PRIVATE_CHAT else ()
    return [user_id for user_id in dict.fromkeys([*stated, *invited]) if user_id != request.creator]


def _preset_drafts(request: RoomRequest) -> list[Draft]:
    preset = PRESETS[request.preset]
    creator = request.creator
    return [
        Draft("m.room.join_rules", creator, {"join_rule": preset.join_rule}, ""),
        Draft("m.room.history_visibility", creator, {"history_visibility": "shared"}, ""),
        Draft("m.room.guest_access", creator, {"guest_access": preset.guest_access}, ""),
    ]


def _initial_state(request: RoomRequest) -> list[InitialState]:
    # The name and the topic of the request stand above those of its initial state.
    overridden = {
        event_type
        for event_type, value in (("m.room.name", request.name), ("m.room.topic", request.topic))
        if value is not None
    }
    return [item for item in request.initial_state if item.state_key or item.type not in overridden]
