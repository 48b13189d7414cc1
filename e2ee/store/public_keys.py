"""All that is public of users' keys, read at once."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from e2ee.core.cross_signing import MASTER, USER_SIGNING, CrossSigningKey
from e2ee.core.device_keys import Signature, with_signatures
from e2ee.core.public_keys import PublicDevice, PublicKeys
from e2ee.core.remote_lists import RemoteList
from e2ee.store import cross_signing_keys, device_keys, key_signatures, remote_device_lists
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import PreparedIn
from homeserver.store.schema.users import devices as d

_NAMES = PreparedIn(lambda users: select(d.c.user_id, d.c.device_id, d.c.display_name).where(d.c.user_id.in_(users)))

Signatures = Mapping[tuple[UserID, str], list[Signature]]


def of_locals(tx: Connection, user_ids: Collection[UserID], viewer: UserID | None) -> dict[UserID, PublicKeys]:
    """The keys of users of this server as *viewer* may see them; None: another server."""
    keys = device_keys.of_users(tx, user_ids)
    names = {(user, device): name for user, device, name in _NAMES.all(tx, keys.keys())}
    signatures = key_signatures.on_users(tx, user_ids, viewer)
    signing = cross_signing_keys.of_users(tx, user_ids)
    return {
        user_id: PublicKeys(
            user_id,
            {
                device_id: _device(user_id, device_id, each, names.get((user_id, device_id)), signatures)
                for device_id, each in keys.get(user_id, {}).items()
            },
            _signing(signing.get(user_id, {}), signatures, viewer),
        )
        for user_id in user_ids
    }


def of_remotes(tx: Connection, user_ids: Collection[UserID], viewer: UserID | None) -> dict[UserID, PublicKeys]:
    """The keys of users of other servers, as far as they are held."""
    devices = remote_device_lists.devices_of(tx, user_ids)
    signing = cross_signing_keys.of_users(tx, user_ids)
    lists = {user: RemoteList(user, None, devices.get(user, {}), signing.get(user, {})) for user in user_ids}
    return of_fetched(tx, lists, viewer)


def of_fetched(tx: Connection, lists: Mapping[UserID, RemoteList], viewer: UserID | None) -> dict[UserID, PublicKeys]:
    """The same of users whose server has just told their *lists*."""
    signatures = key_signatures.on_users(tx, lists.keys(), viewer)
    return {
        user_id: PublicKeys(
            user_id,
            {
                device_id: _device(user_id, device_id, device.keys, device.display_name, signatures)
                for device_id, device in told.devices.items()
                if device.keys is not None
            },
            _signing(told.cross_signing, signatures, viewer),
        )
        for user_id, told in lists.items()
    }


def _device(
    user_id: UserID, device_id: DeviceID, keys: JSONObject, display_name: str | None, signatures: Signatures
) -> PublicDevice:
    return PublicDevice(device_id, with_signatures(keys, signatures.get((user_id, device_id), ())), display_name)


def _signing(
    keys: Mapping[str, CrossSigningKey], signatures: Signatures, viewer: UserID | None
) -> dict[str, JSONObject]:
    return {
        usage: with_signatures(key.value, signatures.get((key.user_id, key.public_key), ()) if usage == MASTER else ())
        for usage, key in keys.items()
        if usage != USER_SIGNING or key.user_id == viewer
    }
