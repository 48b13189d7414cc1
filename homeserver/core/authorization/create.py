"""The rules of m.room.create.  Spec: rooms/v12#authorisation-rules, rule 1"""

from homeserver.core.events import Event
from homeserver.core.identifiers import is_user_id, server_of
from homeserver.core.verdicts import ALLOWED, Denied, Verdict
from homeserver.core.versions import ROOM_VERSIONS


def check_create(event: Event) -> Verdict:
    """Whether *event* may open a room."""
    rules = event.version.auth
    if event.prev_events:
        return Denied("create.prev_events")
    # Since v12: the room ID is the hash of this event, which cannot hold it.
    if rules.room_id_is_create_hash:
        if "room_id" in event.pdu:
            return Denied("create.room_id")
    # Until v11: a room is named by the server that makes it.
    elif server_of(event.room_id) != server_of(event.sender):
        return Denied("create.room_id")
    room_version = event.content.get("room_version", "1")
    if not isinstance(room_version, str) or room_version not in ROOM_VERSIONS:
        return Denied("create.room_version")
    # Until v10: the creator is in the content.
    if rules.creator_in_content and "creator" not in event.content:
        return Denied("create.creator")
    # Since v12: further creators.
    if rules.privileged_creators and "additional_creators" in event.content:
        additional = event.content["additional_creators"]
        if not isinstance(additional, list) or not all(is_user_id(creator) for creator in additional):
            return Denied("create.additional_creators")
    return ALLOWED
