"""
The services of end-to-end encryption put together for tests, as ``scripts/parts`` wires them; and clients' keys.

Servers with the same ``Network`` ask one another for keys, and ``carry`` brings what one's outbox holds to another.
"""

from hashlib import sha256
from itertools import count
from typing import Any

import orjson
from attrs import define, field, frozen

from e2ee.core.one_time_keys import Wanted
from e2ee.core.public_keys import QueryAnswer
from e2ee.http.client.cross_signing import CrossSigningEndpoints
from e2ee.http.client.dehydrated_device import DehydratedDeviceEndpoints
from e2ee.http.client.key_backup import KeyBackupEndpoints
from e2ee.http.client.keys import DeviceKeyEndpoints
from e2ee.http.client.to_device import ToDeviceEndpoints
from e2ee.http.server import ServerKeyEndpoints
from e2ee.services.announcements import Announcements
from e2ee.services.bells import DeviceListBells
from e2ee.services.belongings import EncryptionBelongings
from e2ee.services.cross_signing import CrossSigning
from e2ee.services.dehydrated_devices import DehydratedDevices
from e2ee.services.device_keys import DeviceKeys, Upload
from e2ee.services.device_lists import DeviceLists
from e2ee.services.edus import EncryptionEdus
from e2ee.services.key_backup import KeyBackups
from e2ee.services.key_counts import KeyCounts
from e2ee.services.key_queries import KeyQueries
from e2ee.services.key_signatures import KeySignatures
from e2ee.services.moves import Moves
from e2ee.services.one_time_keys import OneTimeKeys
from e2ee.services.remote_lists import RemoteLists
from e2ee.services.sync_sections import DeviceListNews, KeyCountNews, ToDeviceNews
from e2ee.services.to_device import ToDevice
from federation.core.edus import parse_edu
from federation.core.transactions import OutgoingTransaction
from federation.store import outbox
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import DeviceID, RoomID, ServerName, UserID
from homeserver.core.signatures import SigningKey, signable, with_signature
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.http.authentication import token_authenticators
from homeserver.http.incoming import Incoming
from homeserver.http.rows import Authentication
from homeserver.services.callers import Caller
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.ports import PeerUnreachable
from homeserver.services.sessions import NewSession
from homeserver.store import devices
from homeserver.store.database import Database
from tests.accounts import Accounts
from tests.client import Client, Tokens, a_site
from tests.rooms import room_services
from tests.syncing import SyncServices
from tests.waiting import at_rest

HERE = ServerName("localhost")
ALICE = UserID("@alice:localhost")
BOB = UserID("@bob:localhost")
CAROL = UserID("@carol:localhost")
PHONE = DeviceID("PHONE")
LAPTOP = DeviceID("LAPTOP")


@define(eq=False)
class Network:
    """The servers that a server can ask; those in *silent* do not answer."""

    servers: dict[ServerName, "Encryption"] = field(factory=dict)
    silent: set[ServerName] = field(factory=set)
    asked: list[tuple[str, ServerName]] = field(factory=list)

    async def query(self, server: ServerName, wanted: dict[UserID, list[DeviceID]]) -> JSONObject:
        answer: QueryAnswer = await self._at("query", server).queries.query_local(wanted)
        return _wire(
            {
                "device_keys": answer.device_keys,
                "master_keys": answer.cross_signing["master"],
                "self_signing_keys": answer.cross_signing["self_signing"],
            }
        )

    async def claim(self, server: ServerName, wanted: Wanted) -> JSONObject:
        return _wire({"one_time_keys": await self._at("claim", server).one_time_keys.claim_local(wanted)})

    async def user_devices(self, server: ServerName, user_id: UserID) -> JSONObject:
        found = await self._at("user_devices", server).queries.device_list(user_id)
        devices = [
            {"device_id": each.device_id, "keys": each.keys, "device_display_name": each.display_name}
            for each in found.keys.devices.values()
        ]
        whole = {"user_id": user_id, "stream_id": found.stream_id, "devices": devices}
        return _wire({**whole, "master_key": found.keys.master_key, "self_signing_key": found.keys.self_signing_key})

    def _at(self, what: str, server: ServerName) -> "Encryption":
        self.asked.append((what, server))
        if server in self.silent or server not in self.servers:
            raise PeerUnreachable(server, "nobody is there")
        return self.servers[server]


def _wire(value: object) -> JSONObject:
    found: JSONObject = orjson.loads(orjson.dumps(value))
    return found


class SignedByAPeer:
    """Takes requests of servers without a signature: the origin is two.example."""

    async def authenticate(self, incoming: Incoming) -> ServerName:
        return ServerName("two.example")


class Encryption:
    """One server's services, on rooms, syncs and accounts."""

    def __init__(self, database: Database, server: ServerName = HERE, network: Network | None = None) -> None:
        self.database, self.server = database, server
        self.rooms = room_services(database, server)
        self.sync = SyncServices(database, rooms=self.rooms)
        self.accounts = Accounts(database)
        self.accounts.sessions.erasure = DeviceErasure([EncryptionBelongings()])
        self.accounts.deactivation.belongings = [EncryptionBelongings()]
        self.network = network or Network()
        self.network.servers[server] = self
        clock, tail, numbers = self.rooms.clock, self.rooms.tail, count(1)
        self.clock = clock
        self.moves = Moves(database, tail)
        self.counts = KeyCounts(database, tail)
        self.device_lists = DeviceLists(database, tail, self.sync.memberships, self.moves)
        self.remote_lists = RemoteLists(database, clock, self.network)
        self.device_keys = DeviceKeys(database)
        self.queries = KeyQueries(server, database, clock, self.remote_lists)
        self.one_time_keys = OneTimeKeys(server, database, clock, self.network)
        self.cross_signing = CrossSigning(database, self.accounts.interactive_auth)
        self.signatures = KeySignatures(server, database, self.remote_lists)
        self.to_device = ToDevice(server, database, clock, tail, lambda: f"message{next(numbers)}")
        self.backups = KeyBackups(database)
        self.dehydrated = DehydratedDevices(database, clock, self.accounts.sessions)
        self.announcements = Announcements(server, database, tail, clock)
        self.edus = EncryptionEdus(self.remote_lists, self.to_device)
        bells = DeviceListBells(database, self.sync.wakeups)
        for follower in (
            self.moves.follow,
            self.counts.follow,
            self.to_device.follow,
            self.announcements.follow,
            bells.follow,
        ):
            tail.follow(follower)
        sync = self.sync.sync_service
        sync.sections = [
            *sync.sections,
            ToDeviceNews(self.to_device),
            DeviceListNews(self.device_lists),
            KeyCountNews(self.counts),
        ]
        self.tokens = Tokens()

    async def start(self) -> None:
        """Changes are announced."""
        await self.announcements.start()

    async def user(self, user_id: UserID, *device_ids: DeviceID) -> None:
        """An account with these devices, whose tokens are ``localpart/DEVICE``; a device's name is its ID."""
        localpart = user_id[1:].partition(":")[0]
        for device_id in device_ids:
            new = NewSession(device_id, device_id)
            if self.server == HERE and not await self.database.read(devices.ids_of, user_id):
                await self.accounts.register(localpart, new)
            else:
                await self.accounts.sessions.open(user_id, new)
            self.tokens.callers[f"{localpart}/{device_id}"] = Caller(user_id, device_id)

    async def upload(self, device: "Device", **more: Any) -> None:
        """The device has published its keys."""
        await self.device_keys.upload(device.user_id, device.device_id, Upload(device.keys, **more))

    def client(self, token: str) -> Client:
        """A client of the endpoints."""
        site = a_site(
            DeviceKeyEndpoints(self.device_keys, self.queries, self.one_time_keys, self.device_lists),
            CrossSigningEndpoints(self.cross_signing, self.signatures),
            ToDeviceEndpoints(self.to_device),
            KeyBackupEndpoints(self.backups),
            DehydratedDeviceEndpoints(self.dehydrated),
            ServerKeyEndpoints(self.queries, self.one_time_keys),
            authenticators={
                **token_authenticators(self.tokens),
                Authentication.SERVER_SIGNATURE: SignedByAPeer(),
            },
        )
        return Client(site, token)

    async def outgoing(self, destination: ServerName) -> list[JSONObject]:
        """The EDUs that wait for another server; they wait no more."""
        await self.settle()
        edus: list[JSONObject] = []
        while True:
            made = OutgoingTransaction(f"t{len(edus)}", 0, (), ())
            whole, _ = await self.database.write(outbox.exchange, destination, None, made)
            if whole is None:
                return edus
            edus.extend(whole.edus)
            await self.database.write(outbox.end, destination, whole)

    async def carry(self, target: "Encryption") -> list[JSONObject]:
        """What waits for another server has arrived there."""
        edus = await self.outgoing(target.server)
        receivers = target.edus.receivers()
        for edu in edus:
            parsed = parse_edu(_wire(edu), self.server)
            await receivers[type(parsed)](self.server, parsed)
        return edus

    async def settle(self) -> None:
        """All that follows the log has caught up."""
        await at_rest()


async def shared_room(one: Encryption, creator: UserID, two: Encryption, guest: UserID) -> RoomID:
    """A room of *one*'s that a user of *two* has joined; both servers have it."""
    room_id = await one.sync.new_room(creator, preset="public_chat")
    await arrive(one, room_id, two, guest)
    return room_id


async def arrive(one: Encryption, room_id: RoomID, two: Encryption, guest: UserID) -> None:
    """A user of *two* has joined a room of *one*'s."""
    room = await one.rooms.live_rooms.load(room_id)
    join = await one.rooms.timeline.composer.compose(room, Draft("m.room.member", guest, {"membership": "join"}, guest))
    state = [entry.event for entry in (await one.rooms.known.by_ids(room.state.values())).values()]
    await two.rooms.arrival.arrive(join, state, state)
    await one.rooms.acceptance.accept(join)


# Keys of clients.


@frozen
class Device:
    """A device with its keys, as its client has them."""

    user_id: UserID
    device_id: DeviceID
    salt: str = ""

    @property
    def signing_key(self) -> SigningKey:
        return _key(f"{self.user_id} {self.device_id} {self.salt}")

    @property
    def keys(self) -> JSONObject:
        """The device keys, signed by itself."""
        value: JSONObject = {
            "user_id": self.user_id,
            "device_id": self.device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                f"curve25519:{self.device_id}": encode_base64(sha256(self.device_id.encode()).digest()),
                f"ed25519:{self.device_id}": encode_base64(self.signing_key.verify_key),
            },
        }
        return self.sign(value)

    def sign(self, value: JSONObject) -> JSONObject:
        """*value* with the device's signature."""
        signature = self.signing_key.sign(signable(value))
        return with_signature(value, self.user_id, f"ed25519:{self.device_id}", signature)

    def one_time_keys(self, *names: str, fallback: bool = False) -> JSONObject:
        """``{signed_curve25519:name: key}``."""
        keys: JSONObject = {}
        for name in names:
            key: JSONObject = {"key": encode_base64(sha256(name.encode()).digest())}
            if fallback:
                key["fallback"] = True
            keys[f"signed_curve25519:{name}"] = self.sign(key)
        return keys


@frozen
class Identity:
    """A user's cross-signing keys."""

    user_id: UserID
    salt: str = ""

    def public(self, usage: str) -> str:
        """The public key for a use, base64."""
        return encode_base64(_key(f"{self.user_id} {usage} {self.salt}").verify_key)

    def key(self, usage: str, signed_by: str | None = "master") -> JSONObject:
        """The key for a use, signed by another (None: by none)."""
        public = self.public(usage)
        value: JSONObject = {"user_id": self.user_id, "usage": [usage], "keys": {f"ed25519:{public}": public}}
        return value if usage == "master" or signed_by is None else self.sign(value, signed_by)

    def sign(self, value: JSONObject, usage: str) -> JSONObject:
        """*value* with the signature of the key for a use."""
        key = _key(f"{self.user_id} {usage} {self.salt}")
        return with_signature(value, self.user_id, f"ed25519:{self.public(usage)}", key.sign(signable(value)))

    @property
    def upload(self) -> JSONObject:
        """The body that publishes all three."""
        return {f"{usage}_key": self.key(usage) for usage in ("master", "self_signing", "user_signing")}


def _key(seed: str) -> SigningKey:
    return SigningKey.from_seed("ed25519:x", sha256(seed.encode()).digest())
