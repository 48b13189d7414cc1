"""Where users want to be told of events.  Spec: push-gateway-api, client-server-api#push-notifications"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy import delete as delete_from

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.schema.accounts import pushers as p
from homeserver.store.write import Write


@frozen
class StoredPusher:
    """A pusher."""

    user_id: UserID
    app_id: str
    pushkey: str
    device_id: DeviceID | None
    kind: str
    description: str
    """JSON: the pusher as the client set it."""
    enabled: bool
    cursor: Position
    """Up to here everything was pushed."""
    created_ms: int
    failing_since_ms: int | None


_REPLACE = upsert(p, changed=["device_id", "kind", "description", "enabled"])
_OF_USER = Prepared(select(*p.c).where(p.c.user_id == bindparam("user_id")).order_by(p.c.created_ms, p.c.pushkey))
_OF_USERS = PreparedIn(lambda users: select(*p.c).where(p.c.user_id.in_(users)))
_THIS = (p.c.user_id == bindparam("who")) & (p.c.app_id == bindparam("app")) & (p.c.pushkey == bindparam("key"))
_ADVANCE = Prepared(update(p).where(_THIS).values(cursor=bindparam("upto"), failing_since_ms=bindparam("failing")))
_DELETE = Prepared(delete_from(p).where(_THIS))
_OTHERS = Prepared(
    select(p.c.user_id).where(
        p.c.app_id == bindparam("app"), p.c.pushkey == bindparam("key"), p.c.user_id != bindparam("who")
    )
)
_USERS = Prepared(select(p.c.user_id).distinct().limit(bindparam("limit")))
_FIRST_CURSOR = Prepared(select(func.min(p.c.cursor)).where(p.c.failing_since_ms.is_(None)))
_FAILING = Prepared(select(*p.c).where(p.c.failing_since_ms.is_not(None)))
_DELETE_DEVICE = Prepared(delete_from(p).where(p.c.user_id == bindparam("who"), p.c.device_id == bindparam("device")))
_DELETE_USER = Prepared(delete_from(p).where(p.c.user_id == bindparam("who")))


def replace(tx: Write, pusher: StoredPusher) -> None:
    """The pusher is as given; one that was there goes on from where it was."""
    tx.run(
        _REPLACE,
        user_id=pusher.user_id,
        app_id=pusher.app_id,
        pushkey=pusher.pushkey,
        device_id=pusher.device_id,
        kind=pusher.kind,
        description=pusher.description,
        enabled=pusher.enabled,
        cursor=pusher.cursor,
        created_ms=pusher.created_ms,
        failing_since_ms=pusher.failing_since_ms,
    )


def advance(
    tx: Write, user_id: UserID, app_id: str, pushkey: str, upto: Position, failing_since_ms: int | None
) -> None:
    """Everything up to *upto* was pushed; and since when its gateway has been failing (None: it is not)."""
    tx.run(_ADVANCE, who=user_id, app=app_id, key=pushkey, upto=upto, failing=failing_since_ms)


def delete(tx: Write, user_id: UserID, app_id: str, pushkey: str) -> bool:
    """Whether the pusher was there; it is no more."""
    return tx.run(_DELETE, who=user_id, app=app_id, key=pushkey) == 1


def delete_of_device(tx: Write, user_id: UserID, device_id: DeviceID) -> bool:
    """Whether the device had set pushers; they are gone."""
    return tx.run(_DELETE_DEVICE, who=user_id, device=device_id) > 0


def delete_of_user(tx: Write, user_id: UserID) -> bool:
    """Whether the user had pushers; it is told of nothing."""
    return tx.run(_DELETE_USER, who=user_id) > 0


def others_with(tx: Connection, user_id: UserID, app_id: str, pushkey: str) -> list[UserID]:
    """The other users that are told of events under that key."""
    return [row[0] for row in _OTHERS.all(tx, who=user_id, app=app_id, key=pushkey)]


def users(tx: Connection, limit: int) -> list[UserID]:
    """Users that have pushers, at most so many."""
    return [row[0] for row in _USERS.all(tx, limit=limit)]


def first_cursor(tx: Connection) -> Position | None:
    """Where the pusher that is furthest behind of those that do not fail is; None: there is none."""
    position: int | None = _FIRST_CURSOR.scalar(tx)
    return None if position is None else Position(position)


def failing(tx: Connection) -> list[StoredPusher]:
    """The pushers whose gateways do not answer."""
    return [StoredPusher(*row) for row in _FAILING.all(tx)]


def of_user(tx: Connection, user_id: UserID) -> list[StoredPusher]:
    """All pushers of the user, oldest first."""
    return [StoredPusher(*row) for row in _OF_USER.all(tx, user_id=user_id)]


def of_users(tx: Connection, user_ids: list[UserID]) -> list[StoredPusher]:
    """All pushers of the users, in no order."""
    return [StoredPusher(*row) for row in _OF_USERS.all(tx, user_ids)]
