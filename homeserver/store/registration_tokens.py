"""
Tokens that let newcomers register.

Spec: client-server-api#token-authenticated-registration
"""

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from homeserver.core.registration import RegistrationToken
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.users import registration_tokens
from homeserver.store.write import Write

_c = registration_tokens.c
_COLUMNS = (_c.token, _c.uses_allowed, _c.completed, _c.expires_ms)
_BY_TOKEN = Prepared(select(*_COLUMNS).where(_c.token == bindparam("this")))
_ALL = Prepared(select(*_COLUMNS).order_by(_c.token))
_USE = Prepared(
    update(registration_tokens)
    .where(
        _c.token == bindparam("this"),
        or_(_c.uses_allowed.is_(None), _c.completed < _c.uses_allowed),
        or_(_c.expires_ms.is_(None), _c.expires_ms > bindparam("now")),
    )
    .values(completed=_c.completed + 1)
)
_REPLACE = upsert(registration_tokens, changed=("uses_allowed", "expires_ms"))
_DELETE = Prepared(delete(registration_tokens).where(_c.token == bindparam("this")))


def by_token(tx: Connection, token: str) -> RegistrationToken | None:
    """The token, good or not; None when nobody gave it out."""
    row = _BY_TOKEN.first(tx, this=token)
    return None if row is None else RegistrationToken(*row)


def all_tokens(tx: Connection) -> list[RegistrationToken]:
    """All tokens that were given out."""
    return [RegistrationToken(*row) for row in _ALL.all(tx)]


def replace(tx: Write, token: str, uses_allowed: int | None, expires_ms: int | None) -> None:
    """The token is good for so many uses (None: any number) until then (None: for ever); past uses count."""
    tx.run(_REPLACE, token=token, uses_allowed=uses_allowed, pending=0, completed=0, expires_ms=expires_ms)


def use(tx: Write, token: str, now_ms: int) -> bool:
    """Whether the token was good; then one of its uses is gone."""
    return tx.run(_USE, this=token, now=now_ms) == 1


def delete_token(tx: Write, token: str) -> bool:
    """Whether there was such a token; it is gone."""
    return tx.run(_DELETE, this=token) == 1
