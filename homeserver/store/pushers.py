"""Where users want to be told of events.  Spec: push-gateway-api, client-server-api#push-notifications"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, select, update
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
_ALL = Prepared(select(*p.c).order_by(p.c.user_id, p.c.app_id, p.c.pushkey))
_THIS = (p.c.user_id == bindparam("who")) & (p.c.app_id == bindparam("app")) & (p.c.pushkey == bindparam("key"))
_ADVANCE = Prepared(update(p).where(_THIS).values(cursor=bindparam("upto"), failing_since_ms=bindparam("failing")))
_DELETE = Prepared(delete_from(p).where(_THIS))
_DELETE_OTHERS = Prepared(
    delete_from(p).where(
        p.c.app_id == bindparam("app"), p.c.pushkey == bindparam("key"), p.c.user_id != bindparam("who")
    )
)
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


def delete_of_others(tx: Write, user_id: UserID, app_id: str, pushkey: str) -> None:
    """No other user is told of events under that key."""
    tx.run(_DELETE_OTHERS, who=user_id, app=app_id, key=pushkey)


def delete_of_device(tx: Write, user_id: UserID, device_id: DeviceID) -> None:
    """The pushers that the device set are gone."""
    tx.run(_DELETE_DEVICE, who=user_id, device=device_id)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user is told of nothing."""
    tx.run(_DELETE_USER, who=user_id)


def of_user(tx: Connection, user_id: UserID) -> list[StoredPusher]:
    """All pushers of the user, oldest first."""
    return [StoredPusher(*row) for row in _OF_USER.all(tx, user_id=user_id)]


def of_users(tx: Connection, user_ids: list[UserID]) -> list[StoredPusher]:
    """All pushers of the users, in no order."""
    return [StoredPusher(*row) for row in _OF_USERS.all(tx, user_ids)]


def all_of_them(tx: Connection) -> list[StoredPusher]:
    """All pushers there are."""
    return [StoredPusher(*row) for row in _ALL.all(tx)]
