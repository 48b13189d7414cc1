"""Tokens that prove to others who a user is, and nothing else; by their hashes."""

from sqlalchemy import Connection, bindparam, delete, insert, select

from homeserver.core.identifiers import UserID
from homeserver.core.tokens import TokenHash
from homeserver.store.prepared import Prepared
from homeserver.store.schema.users import openid_tokens as t
from homeserver.store.write import Write

_INSERT = Prepared(
    insert(t).values(
        token_hash=bindparam("token_hash"), user_id=bindparam("user_id"), expires_ms=bindparam("expires_ms")
    )
)
_OWNER = Prepared(select(t.c.user_id).where(t.c.token_hash == bindparam("this"), t.c.expires_ms > bindparam("now")))
_DELETE_EXPIRED = Prepared(delete(t).where(t.c.expires_ms <= bindparam("now")))


def insert_token(tx: Write, token_hash: TokenHash, user_id: UserID, now_ms: int, expires_ms: int) -> None:
    """The token is good until *expires_ms*; those that have expired are gone."""
    tx.run(_DELETE_EXPIRED, now=now_ms)
    tx.run(_INSERT, token_hash=token_hash, user_id=user_id, expires_ms=expires_ms)


def owner(tx: Connection, token_hash: TokenHash, now_ms: int) -> UserID | None:
    """Whose token it is; None when it is none, or has expired."""
    user_id = _OWNER.scalar(tx, this=token_hash, now=now_ms)
    return None if user_id is None else UserID(user_id)
