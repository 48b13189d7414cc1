"""How much there is of everything; the counting takes a while where there is much."""

from attrs import frozen
from sqlalchemy import Connection, Executable, Table, bindparam, func, literal_column, select, text

from homeserver.store.prepared import Prepared
from homeserver.store.schema.accounts import reports
from homeserver.store.schema.events import events
from homeserver.store.schema.rooms import rooms
from homeserver.store.schema.users import devices, users


@frozen
class UserCounts:
    """Accounts."""

    total: int
    guests: int
    admins: int
    deactivated: int
    locked: int
    suspended: int
    of_appservices: int
    """Accounts that application services made."""


@frozen
class Counts:
    """How much there is of everything."""

    users: UserCounts
    active_last_day: int
    """Users seen during the last 24 hours."""
    active_last_month: int
    """Users seen during the last 30 days."""
    devices: int
    rooms: int
    """Rooms that this server takes part in."""
    events: int
    reports: int
    database_bytes: int


_u = users.c
_USERS = Prepared(
    select(
        func.count(),
        func.count().filter(_u.is_guest),
        func.count().filter(_u.is_admin),
        func.count().filter(_u.deactivated),
        func.count().filter(_u.locked),
        func.count().filter(_u.suspended),
        func.count(_u.appservice_id),
    ).select_from(users)
)
_ACTIVE = Prepared(
    select(func.count(devices.c.user_id.distinct())).where(devices.c.last_seen_ms >= bindparam("since_ms"))
)
_ROOMS = Prepared(select(func.count()).select_from(rooms).where(rooms.c.joined))


def _count_of(table: Table) -> Prepared:
    return Prepared(select(func.count()).select_from(table))


_DEVICES, _EVENTS, _REPORTS = _count_of(devices), _count_of(events), _count_of(reports)


def _size(dialect: str) -> Executable:
    if dialect == "sqlite":
        return select(literal_column("page_count * page_size")).select_from(
            text("pragma_page_count(), pragma_page_size()")
        )
    return select(func.pg_database_size(func.current_database()))


_SIZE = Prepared(_size)


def counts(tx: Connection, now_ms: int) -> Counts:
    """All counts, as of now."""
    day = 86_400_000
    found = _USERS.first(tx)
    assert found is not None, "counting always answers"
    return Counts(
        users=UserCounts(*found),
        active_last_day=_ACTIVE.scalar(tx, since_ms=now_ms - day),
        active_last_month=_ACTIVE.scalar(tx, since_ms=now_ms - 30 * day),
        devices=_DEVICES.scalar(tx),
        rooms=_ROOMS.scalar(tx),
        events=_EVENTS.scalar(tx),
        reports=_REPORTS.scalar(tx),
        database_bytes=_SIZE.scalar(tx),
    )
