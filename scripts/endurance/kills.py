"""
``kill -9`` under load, again and again: nothing acknowledged is lost, nothing is torn, the server starts as it is.

Four users write at once; in the middle of it the server is killed, started again, and held against what it promised.
"""

import http.client
import random
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from attrs import Factory, define, frozen

from scripts.endurance.ledger import Ledger, Message
from scripts.laboratory.client import JSONObject, MatrixClient, MatrixError, register
from scripts.laboratory.homeservers import Homeserver

WRITERS = 4
LOAD_SECONDS = (0.2, 1.2)
NOTE_TYPE = "org.folkmoot.note"
PAGES_MAX = 10_000
LETTER_TYPE = "org.folkmoot.letter"
_GONE = (OSError, http.client.HTTPException)


class Broken(Exception):
    """The server broke a promise."""


@define
class Writer:
    """One user who writes until the server is gone, and remembers what was acknowledged."""

    client: MatrixClient
    own_room: str
    shared_room: str
    friend: "Writer | None" = None
    """Gets this user's to-device messages."""
    ledger: Ledger = Factory(Ledger)
    serial: int = 0
    since: str = ""
    """Where this user's sync stood before the load."""
    newest: dict[str, str] = Factory(dict)
    """The last event of each room before the load."""
    failure: MatrixError | None = None

    def look_around(self) -> None:
        """Notes where everything stands."""
        self.since = self.client.sync()["next_batch"]
        for room_id in (self.own_room, self.shared_room):
            self.newest[room_id] = self.client.messages(room_id, limit=1)["chunk"][0]["event_id"]

    def write_until_gone(self, seed: int) -> None:
        choice = random.Random(seed)
        deeds: list[Callable[[], None]] = [self._set_topic, self._write_note, self._send_letter, self._join_and_leave]
        try:
            while True:
                self.serial += 1
                if choice.random() < 0.75:
                    self._say(choice.choice([self.own_room, self.shared_room]))
                else:
                    choice.choice(deeds)()
        except _GONE:
            return
        except MatrixError as refused:
            self.failure = refused

    def _say(self, room_id: str) -> None:
        text = f"{self.client.user_id} says {self.serial}"
        message = Message(room_id, f"t{self.serial}", text)
        self.ledger.unanswered = message
        self.ledger.messages[self.deliver(message)] = message
        self.ledger.unanswered = None

    def deliver(self, message: Message) -> str:
        """The event ID of *message*, sent for the first time or again."""
        path = f"/send/m.room.message/{message.transaction_id}"
        content = {"msgtype": "m.text", "body": message.text}
        return str(self.client.room("PUT", message.room_id, path, content)["event_id"])

    def _set_topic(self) -> None:
        topic = f"topic {self.serial}"
        self.client.set_state(self.own_room, "m.room.topic", {"topic": topic})
        self.ledger.topics.append(topic)

    def _write_note(self) -> None:
        path = f"/v3/user/{self.client.user_id}/account_data/{NOTE_TYPE}"
        self.client.request("PUT", path, {"value": self.serial})
        self.ledger.notes.append(self.serial)

    def _send_letter(self) -> None:
        letter = f"{self.client.user_id} writes {self.serial}"
        assert self.friend is not None, "every writer has a friend once all are there"
        reader = self.friend.client
        messages = {reader.user_id: {reader.device_id: {"text": letter}}}
        self.client.request("PUT", f"/v3/sendToDevice/{LETTER_TYPE}/t{self.serial}", {"messages": messages})
        self.ledger.letters.append(letter)

    def _join_and_leave(self) -> None:
        self.client.leave(self.shared_room)
        self.client.join(self.shared_room)


@frozen
class Tally:
    """What a run of kills came to."""

    rounds: int
    promises: int
    unanswered: int
    """Messages that were on their way when the server died; sent again, each is there once."""
    start_seconds: tuple[float, ...]

    @property
    def start_seconds_max(self) -> float:
        return max(self.start_seconds)


@define
class Ordeal:
    """A running server and its writers."""

    server: Homeserver
    seed: int = 0
    writers: list[Writer] = Factory(list)
    start_seconds: list[float] = Factory(list)
    unanswered: int = 0

    def prepare(self) -> None:
        """The writers and their rooms are there."""
        clients = [register(self.server, f"writer{number}") for number in range(WRITERS)]
        # Its host never leaves: an empty room would let nobody in again.
        shared = register(self.server, "host").create_room(preset="public_chat")
        for client in clients:
            client.join(shared)
        self.writers = [Writer(client, client.create_room(preset="private_chat"), shared) for client in clients]
        for writer, friend in zip(self.writers, [*self.writers[1:], self.writers[0]], strict=True):
            writer.friend = friend

    def round(self, number: int) -> None:
        """One kill under load, a start, and the reckoning.  Raises Broken."""
        choice = random.Random(self.seed * 1000 + number)
        for writer in self.writers:
            writer.look_around()
        threads = [threading.Thread(target=writer.write_until_gone, args=(choice.random(),)) for writer in self.writers]
        for thread in threads:
            thread.start()
        # Not a wait for something: how long the load lasts is what is varied.
        threading.Event().wait(choice.uniform(*LOAD_SECONDS))
        self.server.kill()
        for thread in threads:
            thread.join()
        for writer in self.writers:
            if writer.failure:
                raise Broken(f"refused under load: {writer.failure}") from writer.failure
        _check_files(self.server)
        self.start_seconds.append(self.server.start())
        for writer in self.writers:
            self._check(writer)

    def check_everything(self) -> None:
        """All that was ever acknowledged is there still, paged through from the end.  Raises Broken."""
        for writer in self.writers:
            for room_id in (writer.own_room, writer.shared_room):
                events = writer.client.timeline(room_id, PAGES_MAX)
                _check_messages(writer.client, room_id, events, writer.ledger.messages)

    def tally(self) -> Tally:
        promises = sum(writer.ledger.promises for writer in self.writers)
        return Tally(len(self.start_seconds), promises, self.unanswered, tuple(self.start_seconds))

    def _check(self, writer: Writer) -> None:
        client, ledger = writer.client, writer.ledger
        if writer.shared_room not in client.request("GET", "/v3/joined_rooms")["joined_rooms"]:
            client.join(writer.shared_room)
        if ledger.unanswered:
            # The same name again: carried out once, whether the first had been or not.
            self.unanswered += 1
            ledger.messages[writer.deliver(ledger.unanswered)] = ledger.unanswered
            ledger.unanswered = None
        fresh = ledger.new_messages()
        for room_id in (writer.own_room, writer.shared_room):
            events = client.timeline(room_id, PAGES_MAX, writer.newest[room_id])
            _check_messages(client, room_id, events, fresh)
            _check_sync(writer, room_id, {event["event_id"] for event in events})
        _check_topic(ledger.topics, client.state(writer.own_room).get(("m.room.topic", "")))
        if ledger.notes:
            note = client.request("GET", f"/v3/user/{client.user_id}/account_data/{NOTE_TYPE}")["value"]
            if note < ledger.notes[-1]:
                raise Broken(f"the note is {note}, though {ledger.notes[-1]} was acknowledged")
        _check_letters(writer)


def _check_messages(
    client: MatrixClient, room_id: str, events: Sequence[JSONObject], promised: Mapping[str, Message]
) -> None:
    """Each promised message is in the room's pages once, under its ID and with its text."""
    ids = [event["event_id"] for event in events]
    if len(ids) != len(set(ids)):
        raise Broken(f"{room_id} shows an event twice")
    own = [event for event in events if event["type"] == "m.room.message" and event["sender"] == client.user_id]
    texts = {event["event_id"]: event["content"]["body"] for event in own}
    for event_id, message in promised.items():
        if message.room_id == room_id and texts.get(event_id) != message.text:
            raise Broken(f"{event_id} was acknowledged as {message.text!r} and is {texts.get(event_id)!r}")
    if len(texts) != len(set(texts.values())):
        raise Broken(f"{room_id} shows a message twice that was sent again under the same name")


def _check_sync(writer: Writer, room_id: str, known: set[str]) -> None:
    """The sync from before the load goes on, and brings nothing that the room does not hold."""
    answer = writer.client.sync(writer.since)
    room = answer.get("rooms", {}).get("join", {}).get(room_id, {})
    brought = {event["event_id"] for event in room.get("timeline", {}).get("events", [])}
    if strangers := brought - known:
        raise Broken(f"the sync brings events that {room_id} does not hold: {sorted(strangers)[:3]}")


def _check_topic(acknowledged: Sequence[str], event: JSONObject | None) -> None:
    """The newest acknowledged topic stands, or the one after it that was on its way."""
    found = str(event["content"]["topic"]) if event else ""
    if acknowledged and _serial(found) < _serial(acknowledged[-1]):
        raise Broken(f"the topic is {found!r}, though {acknowledged[-1]!r} was acknowledged")


def _check_letters(writer: Writer) -> None:
    """Every to-device message acknowledged since the last reckoning reaches its device, and none comes twice."""
    assert writer.friend is not None, "every writer has a friend"
    reader, since = writer.friend.client, writer.friend.since
    received: list[str] = []
    for _ in range(100):
        answer = reader.sync(since)
        events = answer.get("to_device", {}).get("events", [])
        received += [event["content"]["text"] for event in events if event["type"] == LETTER_TYPE]
        since = answer["next_batch"]
        if not events:
            break
    if missing := set(writer.ledger.new_letters()) - set(received):
        raise Broken(f"{len(missing)} acknowledged to-device messages are gone: {sorted(missing)[:3]}")
    if len(received) != len(set(received)):
        raise Broken("a to-device message came twice")


def _check_files(server: Homeserver) -> None:
    """An SQLite file is sound as it was left; a copy is opened, so that the server finds what the kill left."""
    if server.place.database_url is not None:
        return
    database = next(server.place.directory.glob("*.db"))
    with TemporaryDirectory() as directory:
        for file in server.place.directory.glob(f"{database.name}*"):
            if not file.name.endswith("-shm"):
                copy(file, directory)
        connection = sqlite3.connect(Path(directory) / database.name)
        try:
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        finally:
            connection.close()
    if verdict != "ok":
        raise Broken(f"the database file is torn: {verdict}")


def _serial(text: str) -> int:
    return int(text.rpartition(" ")[2] or -1)
