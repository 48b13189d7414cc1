"""What users are called, as the tables say: what the user directory is made of."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from homeserver.core.canonical import JSON, load_json
from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.log import EVENT, MEMBERSHIP, PROFILE, REMOTE_MEMBERSHIP, LogEntry
from homeserver.core.user_directory import DirectoryEntry
from homeserver.store import events, memberships, profiles, state, user_directory, users

NAME_LENGTH_MAX: Final = 1_000
"""A longer name, or address of an avatar, is not kept."""


def concerned(tx: Connection, entries: Sequence[LogEntry]) -> set[UserID]:
    """The users whose entries in the directory may have changed."""
    found = {UserID(entry.subject) for entry in entries if entry.kind in {PROFILE, MEMBERSHIP, REMOTE_MEMBERSHIP}}
    nids = [entry.event_nid for entry in entries if entry.kind == EVENT]
    found |= user_directory.members_in(tx, nids)
    for entry in entries:
        # A room that the first user of this server enters brings all others who are in it.
        if entry.kind == MEMBERSHIP and entry.ref is not None and len(memberships.joined(tx, entry.ref)) == 1:
            found |= state.joined(tx, entry.ref)
    return found


def entries(tx: Connection, server: ServerName, user_ids: Sequence[UserID]) -> Mapping[UserID, DirectoryEntry | None]:
    """The users as the directory is to show them; None: not at all."""
    own = profiles.of_users(tx, [user_id for user_id in user_ids if server_of(user_id) == server])
    return {
        user_id: _local(tx, user_id, own.get(user_id, {})) if server_of(user_id) == server else _remote(tx, user_id)
        for user_id in user_ids
    }


def _local(tx: Connection, user_id: UserID, profile: Mapping[str, JSON]) -> DirectoryEntry | None:
    user = users.by_id(tx, user_id)
    if user is None or user.deactivated or user.is_guest:
        return None
    return DirectoryEntry(user_id, _text(profile.get("displayname")), _address(profile.get("avatar_url")))


def _remote(tx: Connection, user_id: UserID) -> DirectoryEntry | None:
    """As the user is called in a room: the one entered last, of those first whose members everybody may know of."""
    joined = user_directory.joined(tx, user_id)
    if not joined:
        return None
    opened = user_directory.open_rooms(tx, joined.keys())
    nid = max(event for room, event in joined.items() if room in opened or not opened)
    stored = events.by_nids(tx, (nid,)).get(nid)
    content = {} if stored is None else load_json(stored.pdu)["content"]
    return DirectoryEntry(user_id, _text(content.get("displayname")), _address(content.get("avatar_url")))


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value.strip() and len(value) <= NAME_LENGTH_MAX else None


def _address(value: JSON) -> str | None:
    text = _text(value)
    return text if text is not None and text.startswith("mxc://") else None
