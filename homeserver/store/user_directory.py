"""
The user directory: all users that this server knows, by the words of their names.

Who may find whom follows from the rooms that they are in, which are looked at when somebody searches.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import cache

from sqlalchemy import ColumnElement, Connection, FromClause, and_, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.core.user_directory import DirectoryEntry
from homeserver.store.prepared import Insertion, Prepared, PreparedIn, upsert
from homeserver.store.schema.directory import user_directory as d
from homeserver.store.schema.directory import user_directory_terms as t
from homeserver.store.schema.events import events
from homeserver.store.schema.rooms import room_summaries as s
from homeserver.store.schema.rooms import state_changes as c
from homeserver.store.schema.users import users
from homeserver.store.write import Write

MEMBER = "m.room.member"
LAST = "\U0010ffff"
"""Put behind the beginning of terms, it is after all of them."""

_REPLACE = upsert(d)
_OF = PreparedIn(lambda ids: select(*d.c).where(d.c.user_id.in_(ids)))
_TERMS = Insertion(t)
_DELETE_TERMS = Prepared(delete(t).where(t.c.user_id == bindparam("who")))
_DELETE = Prepared(delete(d).where(d.c.user_id == bindparam("who")))
_JOINED = Prepared(
    select(c.c.room_nid, c.c.membership, c.c.event_nid)
    .where(c.c.type == MEMBER, c.c.state_key == bindparam("who"))
    .order_by(c.c.room_nid, c.c.position)
)
_OPEN = PreparedIn(
    lambda nids: select(s.c.room_nid).where(s.c.room_nid.in_(nids), (s.c.join_rule == "public") | s.c.world_readable)
)
_MEMBERS_OF_EVENTS = PreparedIn(
    lambda nids: select(events.c.state_key).where(
        events.c.nid.in_(nids), events.c.type == MEMBER, events.c.state_key.is_not(None)
    )
)
_ACCOUNTS = Prepared(
    select(users.c.user_id)
    .where(users.c.user_id > bindparam("after"))
    .order_by(users.c.user_id)
    .limit(bindparam("limit"))
)
_MEMBERS = Prepared(
    select(c.c.state_key)
    .where(c.c.type == MEMBER, c.c.state_key > bindparam("after"))
    .distinct()
    .order_by(c.c.state_key)
    .limit(bindparam("limit"))
)


@cache
def _found(words: int) -> Prepared:
    """Users with a term for each of so many words, which are given as ``low_0``, ``high_0`` …"""
    first, *others = (t.alias(f"t{index}") for index in range(words))
    wanted = [
        select(other.c.user_id)
        .where(other.c.user_id == first.c.user_id, _begins(other, index))
        .correlate(first)
        .exists()
        for index, other in enumerate(others, 1)
    ]
    query = select(first.c.user_id).distinct().where(_begins(first, 0), *wanted)
    return Prepared(query.limit(bindparam("limit")))


def _begins(terms: FromClause, index: int) -> ColumnElement[bool]:
    return and_(terms.c.term >= bindparam(f"low_{index}"), terms.c.term < bindparam(f"high_{index}"))


def replace(tx: Write, entry: DirectoryEntry, terms: Iterable[str]) -> None:
    """The user is found by *terms*, and shown as the entry says."""
    if of(tx.connection, (entry.user_id,)) == [entry]:
        return
    tx.run(_DELETE_TERMS, who=entry.user_id)
    tx.run(_REPLACE, user_id=entry.user_id, display_name=entry.display_name, avatar_url=entry.avatar_url)
    for term in dict.fromkeys(terms):
        tx.insert(_TERMS, (entry.user_id, term))


def remove(tx: Write, user_id: UserID) -> None:
    """The user is found no more."""
    tx.run(_DELETE_TERMS, who=user_id)
    tx.run(_DELETE, who=user_id)


def of(tx: Connection, user_ids: Iterable[UserID]) -> list[DirectoryEntry]:
    """The entries of those of the users that have one, in no order."""
    return [DirectoryEntry(*row) for row in _OF.all(tx, user_ids)]


def found(tx: Connection, words: Sequence[str], limit: int) -> list[DirectoryEntry]:
    """At most *limit* users who have for each of *words*, of which there is one at least, a term that begins so."""
    params: dict[str, str | int] = {"limit": limit}
    for index, word in enumerate(words):
        params[f"low_{index}"], params[f"high_{index}"] = word, word + LAST
    return of(tx, [UserID(row[0]) for row in _found(len(words)).all(tx, **params)])


def joined(tx: Connection, user_id: UserID) -> dict[int, int]:
    """{room nid: the nid of the member event} of the rooms that a user, local or not, is known to be in."""
    now = {nid: (membership, event) for nid, membership, event in _JOINED.all(tx, who=user_id)}
    return {nid: event for nid, (membership, event) in now.items() if membership == "join" and event is not None}


def open_rooms(tx: Connection, room_nids: Collection[int]) -> set[int]:
    """
    Those of the rooms whose members everybody may know of: public ones, and those that all may read.

    Spec: client-server-api#user-directory
    """
    return {row[0] for row in _OPEN.all(tx, room_nids)}


def members_in(tx: Connection, event_nids: Iterable[int]) -> set[UserID]:
    """The users whom those of the events are about that are of members."""
    return {UserID(row[0]) for row in _MEMBERS_OF_EVENTS.all(tx, event_nids)}


def accounts(tx: Connection, after: str, limit: int) -> list[UserID]:
    """The first *limit* users of this server whose IDs come after *after*, in order."""
    return [UserID(row[0]) for row in _ACCOUNTS.all(tx, after=after, limit=limit)]


def members(tx: Connection, after: str, limit: int) -> list[UserID]:
    """The same of all who were ever members of any room."""
    return [UserID(row[0]) for row in _MEMBERS.all(tx, after=after, limit=limit)]
