"""Signatures that were uploaded apart from the keys that they are on."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, delete, select

from e2ee.core.device_keys import Signature
from e2ee.store.schema import key_signatures as s
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.write import Write

_REPLACE = upsert(s)
_ON_USERS = PreparedIn(
    lambda users: select(
        s.c.target_user_id, s.c.target_key, s.c.signer_user_id, s.c.signer_key_id, s.c.signature
    ).where(s.c.target_user_id.in_(users))
)
_TARGETS = Prepared(
    select(s.c.target_user_id)
    .distinct()
    .where(
        s.c.signer_user_id == bindparam("signer"),
        s.c.position > bindparam("after"),
        s.c.position <= bindparam("upto"),
    )
)
_DELETE_ON = Prepared(
    delete(s).where(s.c.target_user_id == bindparam("target_user"), s.c.target_key == bindparam("target"))
)
_DELETE_BY_KEY = Prepared(
    delete(s).where(s.c.signer_user_id == bindparam("signer"), s.c.signer_key_id == bindparam("key_id"))
)
_DELETE_OF_USER = Prepared(
    delete(s).where((s.c.target_user_id == bindparam("who")) | (s.c.signer_user_id == bindparam("who")))
)


def replace(tx: Write, target_user_id: UserID, target_key: str, signature: Signature, position: Position) -> None:
    """The key *target_key* (a device ID, or a public master key) of a user bears the signature."""
    tx.run(
        _REPLACE,
        target_user_id=target_user_id,
        target_key=target_key,
        signer_user_id=signature.signer_user_id,
        signer_key_id=signature.signer_key_id,
        signature=signature.signature,
        position=position,
    )


def on_users(
    tx: Connection, user_ids: Collection[UserID], viewer: UserID | None
) -> dict[tuple[UserID, str], list[Signature]]:
    """
    {(user, target key): signatures}: those by the users themselves, and those by *viewer* (None: another server).

    What others signed is not for everybody's eyes.  Spec: client-server-api#key-and-signature-security
    """
    found: dict[tuple[UserID, str], list[Signature]] = {}
    for target_user, target_key, signer, key_id, signature in _ON_USERS.all(tx, user_ids):
        if signer in (target_user, viewer):
            found.setdefault((target_user, target_key), []).append(Signature(signer, key_id, signature))
    return found


def targets_between(tx: Connection, signer: UserID, after: Position, upto: Position) -> list[UserID]:
    """The users whose keys *signer* has signed at positions in ``(after, upto]``."""
    return [UserID(row[0]) for row in _TARGETS.all(tx, signer=signer, after=after, upto=upto)]


def delete_on(tx: Write, user_id: UserID, targets: Iterable[DeviceID | str]) -> None:
    """Nobody has signed these keys of the user."""
    for target in targets:
        tx.run(_DELETE_ON, target_user=user_id, target=target)


def delete_by_key(tx: Write, signer: UserID, key_id: str) -> None:
    """A key that is good no more has signed nothing."""
    tx.run(_DELETE_BY_KEY, signer=signer, key_id=key_id)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has signed nothing, and nobody has signed the user's keys."""
    tx.run(_DELETE_OF_USER, who=user_id)
