"""
Refresh tokens, by their hashes.

A token and its successor are good side by side until the successor, or the access token that came with it, is used.
Spec: client-server-api#refreshing-access-tokens
"""

from collections.abc import Collection

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.tokens import TokenHash
from homeserver.store.prepared import Prepared
from homeserver.store.schema.users import access_tokens, refresh_tokens
from homeserver.store.write import Write


@frozen
class StoredRefreshToken:
    """A refresh token."""

    user_id: UserID
    device_id: DeviceID
    next_hash: TokenHash | None
    """The token that has been given out in its place."""
    expires_ms: int | None
    session_expires_ms: int | None

    def is_expired(self, now_ms: int) -> bool:
        """Whether it, or its session as a whole, has expired."""
        return any(end is not None and end <= now_ms for end in (self.expires_ms, self.session_expires_ms))


_THIS = refresh_tokens.c.token_hash == bindparam("this")
_OWN = refresh_tokens.c.user_id == bindparam("user")
_BY_HASH = Prepared(
    select(
        refresh_tokens.c.user_id,
        refresh_tokens.c.device_id,
        refresh_tokens.c.next_hash,
        refresh_tokens.c.expires_ms,
        refresh_tokens.c.session_expires_ms,
    ).where(_THIS)
)
_BEFORE = Prepared(select(refresh_tokens.c.token_hash).where(refresh_tokens.c.next_hash == bindparam("next")))
_INSERT = Prepared(
    insert(refresh_tokens).values(
        token_hash=bindparam("token_hash"),
        user_id=bindparam("user_id"),
        device_id=bindparam("device_id"),
        session_expires_ms=bindparam("session_expires_ms"),
    )
)
_SET_NEXT = Prepared(update(refresh_tokens).where(_THIS).values(next_hash=bindparam("next")))
_DELETE = Prepared(delete(refresh_tokens).where(_THIS))
_DELETE_ACCESS = Prepared(delete(access_tokens).where(access_tokens.c.refresh_hash == bindparam("this")))
_DELETE_OF_DEVICE = Prepared(delete(refresh_tokens).where(_OWN, refresh_tokens.c.device_id == bindparam("device")))
_DELETE_OF_USER = Prepared(delete(refresh_tokens).where(_OWN))


def by_hash(tx: Connection, token_hash: TokenHash) -> StoredRefreshToken | None:
    """The token, expired or not; None when there is none."""
    row = _BY_HASH.first(tx, this=token_hash)
    return None if row is None else StoredRefreshToken(*row)


def insert_token(
    tx: Write, token_hash: TokenHash, user_id: UserID, device_id: DeviceID, session_expires_ms: int | None = None
) -> None:
    """The token is good from now on."""
    tx.run(_INSERT, token_hash=token_hash, user_id=user_id, device_id=device_id, session_expires_ms=session_expires_ms)


def set_next(tx: Write, token_hash: TokenHash, next_hash: TokenHash) -> None:
    """Another token has been given out in the place of this one, which stays good for now."""
    tx.run(_SET_NEXT, this=token_hash, next=next_hash)


def retire_before(tx: Write, token_hash: TokenHash) -> None:
    """The tokens in whose place this one was given out are gone, with their access tokens."""
    for row in _BEFORE.all(tx.connection, next=token_hash):
        delete_token(tx, TokenHash(row[0]))


def delete_token(tx: Write, token_hash: TokenHash) -> None:
    """The token is gone, and the access tokens that came with it."""
    tx.run(_DELETE_ACCESS, this=token_hash)
    tx.run(_DELETE, this=token_hash)


def delete_of_devices(tx: Write, user_id: UserID, device_ids: Collection[DeviceID]) -> None:
    """No refresh token of these devices is good any more."""
    for device_id in device_ids:
        tx.run(_DELETE_OF_DEVICE, user=user_id, device=device_id)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """No refresh token of the user is good any more."""
    tx.run(_DELETE_OF_USER, user=user_id)
