"""Tokens that log one client in, once; by their hashes."""

from sqlalchemy import bindparam, delete, insert

from homeserver.core.identifiers import UserID
from homeserver.core.tokens import TokenHash
from homeserver.store.prepared import Prepared
from homeserver.store.schema.users import login_tokens
from homeserver.store.write import Write

_INSERT = Prepared(
    insert(login_tokens).values(
        token_hash=bindparam("token_hash"), user_id=bindparam("user_id"), expires_ms=bindparam("expires_ms")
    )
)
_TAKE = Prepared(
    delete(login_tokens)
    .where(login_tokens.c.token_hash == bindparam("this"))
    .returning(login_tokens.c.user_id, login_tokens.c.expires_ms)
)
_DELETE_OF_USER = Prepared(delete(login_tokens).where(login_tokens.c.user_id == bindparam("user")))
_DELETE_EXPIRED = Prepared(delete(login_tokens).where(login_tokens.c.expires_ms <= bindparam("now")))


def insert_token(tx: Write, token_hash: TokenHash, user_id: UserID, now_ms: int, expires_ms: int) -> None:
    """The token is good until *expires_ms*; those that expired unused are gone."""
    tx.run(_DELETE_EXPIRED, now=now_ms)
    tx.run(_INSERT, token_hash=token_hash, user_id=user_id, expires_ms=expires_ms)


def take(tx: Write, token_hash: TokenHash, now_ms: int) -> UserID | None:
    """Whose token it was; it is used up.  None when it was none, or has expired."""
    row = tx.first(_TAKE, this=token_hash)
    return UserID(row[0]) if row is not None and now_ms < row[1] else None


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """Nobody logs in with a token that was made for the user."""
    tx.run(_DELETE_OF_USER, user=user_id)
