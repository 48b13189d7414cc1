"""All accounts, as administrators look through them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, exists, func, or_, select

from homeserver.core.account_queries import AccountOutline, AccountQuery
from homeserver.core.canonical import parse_json
from homeserver.core.profiles import DISPLAY_NAME
from homeserver.store.keysets import page_of
from homeserver.store.like import ESCAPE, literally
from homeserver.store.prepared import Prepared
from homeserver.store.schema.users import devices, profiles, threepids, users

_u = users.c
_DISPLAY_NAME = (
    select(profiles.c.value)
    .where(profiles.c.user_id == _u.user_id, profiles.c.field == DISPLAY_NAME)
    .correlate(users)
    .scalar_subquery()
)
_LAST_SEEN = (
    select(func.max(devices.c.last_seen_ms)).where(devices.c.user_id == _u.user_id).correlate(users).scalar_subquery()
)
_COLUMNS = (
    _u.user_id,
    _u.created_ms,
    _u.is_guest,
    _u.is_admin,
    _u.deactivated,
    _u.erased,
    _u.locked,
    _u.suspended,
    _u.appservice_id,
    _u.user_type,
    _DISPLAY_NAME.label("display_name"),
    _LAST_SEEN.label("last_seen_ms"),
)
_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "user_id": _u.user_id,
    "created": _u.created_ms,
    "last_seen": func.coalesce(_LAST_SEEN, 0),
}


def page(
    tx: Connection, query: AccountQuery, after: tuple[str | int, str] | None, limit: int
) -> list[tuple[AccountOutline, str | int]]:
    """The first *limit* accounts after a place in the order (None: from its beginning), each with its place."""
    flags = tuple(sorted(query.flags))
    statement = _page(flags, query.search is not None, query.order_by, query.descending, after is None)
    params = _params(query)
    if after is not None:
        params |= {"after": after[0], "after_tie": after[1]}
    return [(_outline(row[:-1]), row[-1]) for row in statement.all(tx, limit=limit, **params)]


def count(tx: Connection, query: AccountQuery) -> int:
    """How many accounts the query finds."""
    statement = _count(tuple(sorted(query.flags)), query.search is not None)
    return int(statement.scalar(tx, **_params(query)))


def _params(query: AccountQuery) -> dict[str, Any]:
    params: dict[str, Any] = dict(query.flags)
    if query.search is not None:
        params["search"] = f"%{literally(query.search.lower())}%"
    return params


@lru_cache(maxsize=256)
def _page(flags: tuple[str, ...], searches: bool, order_by: str, descending: bool, from_beginning: bool) -> Prepared:
    place = _ORDERS[order_by]
    statement: Select[Any] = select(*_COLUMNS, place.label("place")).where(*_conditions(flags, searches))
    return Prepared(page_of(statement, place, _u.user_id, descending=descending, from_beginning=from_beginning))


@lru_cache(maxsize=256)
def _count(flags: tuple[str, ...], searches: bool) -> Prepared:
    return Prepared(select(func.count()).select_from(users).where(*_conditions(flags, searches)))


def _conditions(flags: tuple[str, ...], searches: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_u[name] == bindparam(name) for name in flags]
    if searches:
        pattern: BindParameter[Any] = bindparam("search")
        address = exists().where(
            threepids.c.user_id == _u.user_id, func.lower(threepids.c.address).like(pattern, escape=ESCAPE)
        )
        conditions.append(
            or_(
                func.lower(_u.user_id).like(pattern, escape=ESCAPE),
                func.lower(_DISPLAY_NAME).like(pattern, escape=ESCAPE),
                address,
            )
        )
    return conditions


def _outline(row: tuple[Any, ...]) -> AccountOutline:
    *columns, stored_name, last_seen_ms = row
    name = None if stored_name is None else parse_json(stored_name.encode())
    return AccountOutline(*columns, name if isinstance(name, str) else None, last_seen_ms)  # type: ignore[call-arg]
