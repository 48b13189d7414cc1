"""
What users had changed of the server's push rules before they changed them again, and until when.

An event is judged by the rules that were in force when it came, also when somebody counts later.
"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.accounts import earlier_push_rules as e
from homeserver.store.write import Write


@frozen
class EarlierRules:
    """*changes*: as JSON, in force for what came before *until*."""

    until: Position
    changes: str


_INSERT = upsert(e)
_OF_USER = Prepared(
    select(e.c.until_position, e.c.changes).where(e.c.user_id == bindparam("who")).order_by(e.c.until_position)
)
_SIZES = Prepared(
    select(e.c.until_position, func.length(e.c.changes))
    .where(e.c.user_id == bindparam("who"))
    .order_by(e.c.until_position.desc())
)
_DELETE_UPTO = Prepared(delete(e).where(e.c.user_id == bindparam("who"), e.c.until_position <= bindparam("upto")))
_DELETE_OF_USER = Prepared(delete(e).where(e.c.user_id == bindparam("who")))


def insert(tx: Write, user_id: UserID, until: Position, changes: str) -> None:
    """The user had changed this when they changed their rules at *until*."""
    tx.run(_INSERT, user_id=user_id, until_position=until, changes=changes)


def of_user(tx: Connection, user_id: UserID) -> list[EarlierRules]:
    """The oldest first."""
    return [EarlierRules(*row) for row in _OF_USER.all(tx, who=user_id)]


def prune(tx: Write, user_id: UserID, sets_max: int, characters_max: int) -> None:
    """Of the user's only the newest are kept: so many, together of so many characters; and one in any case."""
    characters = 0
    for number, (until, size) in enumerate(_SIZES.all(tx.connection, who=user_id)):
        characters += size
        if number and (number >= sets_max or characters > characters_max):
            tx.run(_DELETE_UPTO, who=user_id, upto=until)
            return


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user had not changed anything before."""
    tx.run(_DELETE_OF_USER, who=user_id)
