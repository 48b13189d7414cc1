"""matrix-nio as a blocking client: the event loop runs in a thread of its own, and each client syncs all the time."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import nio
from attrs import define, field

from scripts.laboratory.client import PASSWORD
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import PATIENCE_SECONDS, wait_until

T = TypeVar("T")

SYNC_MS = 2000


class NioError(Exception):
    """matrix-nio or its server refused."""


@define
class NioClient:
    """One nio device.  Use `register_nio`."""

    _client: nio.AsyncClient
    _loop: asyncio.AbstractEventLoop
    texts: dict[str, str] = field(factory=dict)
    """Decrypted messages by event ID."""
    _undecrypted: dict[str, nio.MegolmEvent] = field(factory=dict)
    _syncing: "Future[None] | None" = None

    @property
    def user_id(self) -> str:
        return str(self._client.user_id)

    def create_encrypted_room(self, invited: str) -> str:
        encryption = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        create = self._client.room_create(invite=[invited], initial_state=[encryption])
        room_id = str(self._ask(create, nio.RoomCreateResponse).room_id)
        self._wait(lambda: self._knows_encryption(room_id), f"knows {room_id} as encrypted")
        return room_id

    def accept_invite(self, room_id: str) -> None:
        self._wait(lambda: room_id in self._client.invited_rooms, f"is invited to {room_id}")
        self._ask(self._client.join(room_id), nio.JoinResponse)
        self._wait(lambda: self._knows_encryption(room_id), f"knows {room_id} as encrypted")

    def wait_for_member(self, room_id: str, user_id: str) -> None:
        def joined() -> bool:
            room = self._client.rooms.get(room_id)
            return bool(
                room
                and user_id in room.users
                and user_id not in room.invited_users
                and self._client.device_store.active_user_devices(user_id)
                and any(self._client.device_store.active_user_devices(user_id))
            )

        self._wait(joined, f"knows {user_id} and their devices in {room_id}")

    def send(self, room_id: str, text: str) -> str:
        content = {"msgtype": "m.text", "body": text}
        send = self._client.room_send(room_id, "m.room.message", content, ignore_unverified_devices=True)
        return str(self._ask(send, nio.RoomSendResponse).event_id)

    def read(self, room_id: str, event_id: str) -> str:
        self._wait(lambda: event_id in self.texts, f"decrypts {event_id}")
        return self.texts[event_id]

    def close(self) -> None:
        if self._syncing is not None:
            self._syncing.cancel()
        self._run(self._client.close())

    def start_syncing(self) -> None:
        self._client.add_event_callback(self._note_text, nio.RoomMessageText)
        self._client.add_event_callback(self._note_undecrypted, nio.MegolmEvent)
        self._syncing = asyncio.run_coroutine_threadsafe(self._sync_forever(), self._loop)

    async def _sync_forever(self) -> None:
        full_state = True
        while True:
            answer = await self._client.sync(timeout=SYNC_MS, full_state=full_state)
            if not isinstance(answer, nio.SyncResponse):
                raise NioError(f"sync: {answer}")
            full_state = False
            await self._client.send_to_device_messages()
            if self._client.should_upload_keys:
                await self._client.keys_upload()
            if self._client.should_query_keys:
                await self._client.keys_query()
            if self._client.should_claim_keys:
                await self._client.keys_claim(self._client.get_users_for_key_claiming())
            self._try_again()

    async def _note_text(self, room: nio.MatrixRoom, event: nio.RoomMessageText) -> None:
        if event.decrypted:
            self.texts[event.event_id] = event.body

    async def _note_undecrypted(self, room: nio.MatrixRoom, event: nio.MegolmEvent) -> None:
        event.room_id = room.room_id
        self._undecrypted[event.event_id] = event

    def _try_again(self) -> None:
        # The key may come after the message: federation orders the two only by chance.
        for event_id, event in list(self._undecrypted.items()):
            try:
                decrypted = self._client.decrypt_event(event)
            except nio.EncryptionError:
                continue
            del self._undecrypted[event_id]
            if isinstance(decrypted, nio.RoomMessageText):
                self.texts[event_id] = decrypted.body

    def _knows_encryption(self, room_id: str) -> bool:
        room = self._client.rooms.get(room_id)
        return bool(room and room.encrypted)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        def met() -> bool:
            if self._syncing is not None and self._syncing.done():
                self._syncing.result()
            return condition()

        wait_until(met, f"nio {self.user_id} {what}")

    def _ask(self, request: Coroutine[Any, Any, Any], expected: type[T]) -> T:
        answer = self._run(request)
        if not isinstance(answer, expected):
            raise NioError(f"{self._client.user_id}: {answer}")
        return answer

    def _run(self, request: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(request, self._loop).result(PATIENCE_SECONDS)


@cache
def _shared_loop() -> asyncio.AbstractEventLoop:
    # One thread for all of them: nio's store swaps the database of global classes while it works.
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="nio", daemon=True).start()
    return loop


def register_nio(server: Homeserver, username: str, store: Path) -> NioClient:
    """A new user with one nio device, its keys kept in the folder *store*."""
    store.mkdir(parents=True, exist_ok=True)
    loop = _shared_loop()

    async def make() -> nio.AsyncClient:
        config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False)
        return nio.AsyncClient(server.tls_url, username, store_path=str(store), config=config, ssl=server.tls_context())

    client = NioClient(asyncio.run_coroutine_threadsafe(make(), loop).result(PATIENCE_SECONDS), loop)
    client._ask(client._client.register(username, PASSWORD), nio.RegisterResponse)
    client.start_syncing()
    return client
