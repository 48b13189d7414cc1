"""
Users sign their own devices and others' master keys.

Spec: client-server-api#post_matrixclientv3keyssignaturesupload
"""

from collections.abc import Mapping
from typing import TypeAlias

from attrs import define, frozen

from e2ee.core.cross_signing import MASTER, SELF_SIGNING, USER_SIGNING, CrossSigningKey, stored_key
from e2ee.core.device_keys import Signature
from e2ee.core.key_signatures import NOT_YOURS, UNKNOWN_KEY, Fault, Signers, check_signed, signers_of
from e2ee.services.remote_lists import RemoteLists
from e2ee.store import cross_signing_keys, device_keys, device_list_changes, key_signatures
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID, server_of
from homeserver.core.log import KEY_SIGNATURES
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.store.database import Database
from homeserver.store.write import Write

Signed: TypeAlias = Mapping[UserID, Mapping[str, JSONObject]]
"""``{user: {device ID or public key: the signed key}}``"""
Faults: TypeAlias = dict[UserID, dict[str, Fault]]


@frozen
class _Known:
    """The keys that the signatures of one request are held against."""

    signer: UserID
    signers: Signers
    devices: Mapping[DeviceID, JSONObject]
    masters: Mapping[UserID, CrossSigningKey]


@define(eq=False)
class KeySignatures:
    """Takes signatures."""

    server: ServerName
    database: Database
    remote_lists: RemoteLists

    async def upload(self, signer: UserID, signed: Signed) -> Faults:
        """The good signatures are on their keys; answers what is wrong with the others."""
        remote_masters = await self._remote_masters(signer, signed)
        return await self.database.write(_upload, signer, signed, remote_masters)

    async def _remote_masters(self, signer: UserID, signed: Signed) -> dict[UserID, CrossSigningKey]:
        """The master keys of the users of other servers whose key is not held."""
        found: dict[UserID, CrossSigningKey] = {}
        for user_id in signed:
            server = server_of(user_id)
            if server == self.server:
                continue
            try:
                keys = (await self.remote_lists.of(server, (user_id,), signer))[user_id]
            except (PeerUnreachable, PeerFault):
                continue
            if keys.master_key is not None:
                found[user_id] = stored_key(user_id, MASTER, keys.master_key)
        return found


def _upload(tx: Write, signer: UserID, signed: Signed, remote_masters: Mapping[UserID, CrossSigningKey]) -> Faults:
    known = _known(tx, signer, signed, remote_masters)
    faults: Faults = {}
    own: list[tuple[str, Signature]] = []
    others: list[tuple[UserID, str, Signature]] = []
    for user_id, targets in signed.items():
        for target, value in targets.items():
            checked = _check(known, user_id, target, value)
            if isinstance(checked, Fault):
                faults.setdefault(user_id, {})[target] = checked
            elif user_id == signer:
                own.extend((target, signature) for signature in checked)
            else:
                others.extend((user_id, target, signature) for signature in checked)
    if own:
        position = device_list_changes.record(tx, signer)
        for target, signature in own:
            key_signatures.replace(tx, signer, target, signature, position)
    if others:
        # Of these only the signer's own devices hear.
        position = tx.log(KEY_SIGNATURES, signer)
        for user_id, target, signature in others:
            key_signatures.replace(tx, user_id, target, signature, position)
    return faults


def _known(tx: Write, signer: UserID, signed: Signed, remote_masters: Mapping[UserID, CrossSigningKey]) -> _Known:
    signing = cross_signing_keys.of_users(tx.connection, {signer, *signed})
    own = signing.get(signer, {})
    devices = device_keys.of_users(tx.connection, (signer,)).get(signer, {})
    masters = {user_id: keys[MASTER] for user_id, keys in signing.items() if MASTER in keys}
    signers = signers_of(devices, own.get(SELF_SIGNING), own.get(USER_SIGNING))
    return _Known(signer, signers, devices, {**masters, **remote_masters})


def _check(known: _Known, user_id: UserID, target: str, value: JSONObject) -> list[Signature] | Fault:
    master = known.masters.get(user_id)
    if master is not None and target == master.public_key:
        keys = known.signers.own_master if user_id == known.signer else known.signers.others_master
        return check_signed(value, master.value, known.signer, keys)
    if user_id != known.signer:
        return UNKNOWN_KEY if master is None else NOT_YOURS
    device = known.devices.get(DeviceID(target))
    if device is None:
        return UNKNOWN_KEY
    return check_signed(value, device, known.signer, known.signers.devices)
