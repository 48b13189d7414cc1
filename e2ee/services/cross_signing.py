"""
Users publish cross-signing keys.

Spec: client-server-api#cross-signing
"""

from collections.abc import Mapping
from hashlib import sha256

from attrs import define

from e2ee.core.cross_signing import MASTER, CrossSigningKey, check_chain, is_new
from e2ee.store import cross_signing_keys, device_list_changes, key_signatures
from homeserver.core.canonical import JSON, encode_canonical
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.interactive_auth import BY_PASSWORD, InteractiveAuth, Request
from homeserver.services.refusals import Forbidden
from homeserver.store import devices
from homeserver.store.database import Database
from homeserver.store.write import Write


class _MustAuthenticate(Exception):
    """Keys that are there already would be replaced."""


@define(eq=False)
class CrossSigning:
    """Takes cross-signing keys."""

    database: Database
    interactive_auth: InteractiveAuth

    async def upload(self, caller: Caller, keys: Mapping[str, CrossSigningKey], auth: JSON, info: RequestInfo) -> None:
        """
        These are the user's keys by use; those of other uses stay.

        The first may be uploaded freely, and the same again; others only by who proves the password, or by an
        application service.  Raises InteractiveAuthRequired, Malformed, Forbidden.
        """
        trusted = caller.appservice_id is not None
        try:
            await self.database.write(_upload, caller.user_id, keys, trusted)
        except _MustAuthenticate:
            # What was proved to upload these keys uploads no others.
            digest = sha256(encode_canonical({usage: key.value for usage, key in keys.items()})).hexdigest()
            purpose = f"uploadCrossSigningKeys {digest}"
            await self.interactive_auth.complete(Request(purpose, BY_PASSWORD, info, caller.user_id), auth)
            await self.database.write(_upload, caller.user_id, keys, True)


def _upload(tx: Write, user_id: UserID, keys: Mapping[str, CrossSigningKey], may_replace: bool) -> None:
    held = cross_signing_keys.of_user(tx.connection, user_id)
    check_chain(keys, keys.get(MASTER) or held.get(MASTER))
    for key in keys.values():
        if devices.by_id(tx.connection, user_id, DeviceID(key.public_key)) is not None:
            raise Forbidden("A device of yours is called like this key.")
    if not is_new(keys.values(), held):
        return
    if MASTER in held and not may_replace:
        raise _MustAuthenticate
    for usage, key in keys.items():
        old = held.get(usage)
        if old is not None and old.public_key != key.public_key:
            key_signatures.delete_by_key(tx, user_id, old.key_id)
            key_signatures.delete_on(tx, user_id, (old.public_key,))
        cross_signing_keys.replace(tx, key)
    device_list_changes.record(tx, user_id)
