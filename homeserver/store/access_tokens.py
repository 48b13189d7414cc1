"""Access tokens, by their hashes."""

from collections.abc import Collection

from attrs import frozen
from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, select

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.tokens import TokenHash
from homeserver.store.prepared import Prepared
from homeserver.store.schema.administration import account_validity, rate_limit_overrides
from homeserver.store.schema.users import access_tokens, refresh_tokens, users
from homeserver.store.write import Write


@frozen
class StoredAccessToken:
    """An access token, and what is to be known of its account."""

    user_id: UserID
    device_id: DeviceID | None
    expires_ms: int | None
    """None: it does not expire."""
    refresh_hash: TokenHash | None
    """The refresh token that came with it."""
    is_guest: bool
    is_admin: bool
    deactivated: bool
    appservice_id: str | None
    replaces_another: bool
    """Its refresh token came in the place of one that is still good."""
    locked: bool
    suspended: bool
    limits: str | None
    """The account's own rate limits, as they were stored; None: it has everybody's."""
    account_expires_ms: int | None
    """None: the account does not end."""

    def has_ended(self, now_ms: int) -> bool:
        """Whether the account has; administrators' and application services' do not."""
        ends = self.account_expires_ms is not None and not self.is_admin and self.appservice_id is None
        return ends and (self.account_expires_ms or 0) <= now_ms


_BEFORE = exists().where(refresh_tokens.c.next_hash == access_tokens.c.refresh_hash)
_BY_HASH = Prepared(
    select(
        access_tokens.c.user_id,
        access_tokens.c.device_id,
        access_tokens.c.expires_ms,
        access_tokens.c.refresh_hash,
        users.c.is_guest,
        users.c.is_admin,
        users.c.deactivated,
        users.c.appservice_id,
        _BEFORE.label("replaces_another"),
        users.c.locked,
        users.c.suspended,
        rate_limit_overrides.c.limits,
        account_validity.c.expires_ms.label("account_expires_ms"),
    )
    .select_from(
        access_tokens.join(users, users.c.user_id == access_tokens.c.user_id)
        .outerjoin(rate_limit_overrides, rate_limit_overrides.c.user_id == access_tokens.c.user_id)
        .outerjoin(account_validity, account_validity.c.user_id == access_tokens.c.user_id)
    )
    .where(access_tokens.c.token_hash == bindparam("token_hash"))
)
_INSERT = Prepared(
    insert(access_tokens).values(
        token_hash=bindparam("token_hash"),
        user_id=bindparam("user_id"),
        device_id=bindparam("device_id"),
        expires_ms=bindparam("expires_ms"),
        refresh_hash=bindparam("refresh_hash"),
        created_ms=bindparam("created_ms"),
    )
)
_OWN = access_tokens.c.user_id == bindparam("user")
_DELETE_OF_DEVICE = Prepared(delete(access_tokens).where(and_(_OWN, access_tokens.c.device_id == bindparam("device"))))
_DELETE_ONE = Prepared(delete(access_tokens).where(access_tokens.c.token_hash == bindparam("token_hash")))
_DELETE_WITHOUT_DEVICE = Prepared(delete(access_tokens).where(access_tokens.c.device_id.is_(None), _OWN))
_DELETE_EXPIRED = Prepared(
    delete(access_tokens).where(
        access_tokens.c.device_id.is_(None), access_tokens.c.expires_ms < bindparam("now"), _OWN
    )
)
_DELETE_OF_USER = Prepared(delete(access_tokens).where(_OWN))


def by_hash(tx: Connection, token_hash: TokenHash) -> StoredAccessToken | None:
    """The token, expired or not; None when there is none."""
    row = _BY_HASH.first(tx, token_hash=token_hash)
    return None if row is None else StoredAccessToken(*row)


def insert_token(
    tx: Write,
    token_hash: TokenHash,
    user_id: UserID,
    device_id: DeviceID | None,
    expires_ms: int | None,
    refresh_hash: TokenHash | None,
    now_ms: int,
) -> None:
    """The token is good from now on."""
    tx.run(
        _INSERT,
        token_hash=token_hash,
        user_id=user_id,
        device_id=device_id,
        expires_ms=expires_ms,
        refresh_hash=refresh_hash,
        created_ms=now_ms,
    )


def delete_of_devices(tx: Write, user_id: UserID, device_ids: Collection[DeviceID]) -> None:
    """No access token of these devices is good any more."""
    for device_id in device_ids:
        tx.run(_DELETE_OF_DEVICE, user=user_id, device=device_id)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """No access token of the user is good any more."""
    tx.run(_DELETE_OF_USER, user=user_id)


def delete_one(tx: Write, token_hash: TokenHash) -> None:
    """The token is not good any more."""
    tx.run(_DELETE_ONE, token_hash=token_hash)


def delete_expired(tx: Write, user_id: UserID, now_ms: int) -> None:
    """Tokens of the user that have no device, and expired before then, are gone."""
    tx.run(_DELETE_EXPIRED, user=user_id, now=now_ms)


def delete_without_device(tx: Write, user_id: UserID) -> int:
    """Tokens of the user that have no device are not good any more; says how many there were."""
    return tx.run(_DELETE_WITHOUT_DEVICE, user=user_id)
