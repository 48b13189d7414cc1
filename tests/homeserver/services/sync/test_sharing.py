"""What was told to others before changes nothing: tests of all that waiting syncs share."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.push_rules.rules import PushRule, parse_rule
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices

ERIN = UserID("@erin:one.example")
FRED = UserID("@fred:one.example")
LAZY = {"room": {"state": {"lazy_load_members": True}}}
FILTERS: dict[str, Any] = {
    "everything": None,
    "lazy": LAZY,
    "two, by thread": {"room": {"timeline": {"limit": 2, "unread_thread_notifications": True}}},
}


@each_database
class SharingTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE, ERIN)
        ignoring: JSONObject = {"ignored_users": {DAVE: {}}}
        await self.services.account_data.set(ERIN, None, "m.ignored_user_list", ignoring)

    async def heard(self, services: SyncServices, since: str) -> dict[tuple[UserID, str], Any]:
        """What each reader with each filter is told of rooms since then; in the order of the readers."""
        answers = {}
        for user_id in (DAVE, ALICE, ERIN, FRED):
            for name, filter_ in FILTERS.items():
                answer = await services.sync(user_id, since, filter=filter_)
                answers[user_id, name] = _comparable(answer)
        return answers

    async def test_readers_are_told_the_same_in_whatever_company(self) -> None:
        """Each answer is that of a server which nobody has asked anything yet."""
        services, room_id = self.services, self.room_id
        first = await services.say(room_id, ALICE, "first")
        named = await services.set_state(room_id, ALICE, "m.room.name", {"name": "Moot"})
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "a message": lambda: services.say(room_id, DAVE, "hello, alice"),
            "one that mentions": lambda: services.say(room_id, ALICE, "x", **{"m.mentions": {"user_ids": [DAVE]}}),
            "a thread": lambda: services.say(
                room_id, DAVE, "t", **{"m.relates_to": {"rel_type": "m.thread", "event_id": first}}
            ),
            "state": lambda: services.set_state(room_id, ALICE, "m.room.topic", {"topic": "x"}),
            "somebody new": lambda: services.join(room_id, FRED),
            "a word to who is new": lambda: services.say(room_id, ALICE, "welcome"),
            "three words": lambda: _in_turn(services, room_id),
            "a redaction": lambda: services.rooms.timeline.send(
                room_id, Draft("m.room.redaction", ALICE, {"redacts": named}, redacts=named)
            ),
            "a new name": lambda: services.set_state(
                room_id, DAVE, "m.room.member", {"membership": "join", "displayname": "Alice"}, DAVE
            ),
            "after it": lambda: services.say(room_id, DAVE, "I am alice now"),
            "no word to ignore": lambda: services.account_data.set(ERIN, None, "m.ignored_user_list", {}),
            "and one to hear": lambda: services.say(room_id, DAVE, "erin?"),
            "a room to silence": lambda: services.push_rules.add(ERIN, _silent(room_id), before=None, after=None),
            "not erin": lambda: services.say(room_id, DAVE, "not you, erin"),
            "a room to hear": lambda: services.push_rules.delete(ERIN, "room", room_id),
            "erin again": lambda: services.say(room_id, DAVE, "now you, erin"),
            "somebody leaves": lambda: services.member(room_id, FRED, "leave"),
            "behind their back": lambda: services.say(room_id, ALICE, "gone"),
        }
        for name, step in steps.items():
            since = (await services.sync(ALICE))["next_batch"]
            await step()
            together = await self.heard(services, since)
            for key, answer in together.items():
                alone = SyncServices(self.database)
                filter_ = FILTERS[key[1]]
                with self.subTest(step=name, reader=key):
                    told = await alone.sync(key[0], since, filter=filter_)

                    self.assertEqual(_comparable(told), answer)
            self.assertEqual(together, await self.heard(services, since))


def _silent(room_id: RoomID) -> PushRule:
    return parse_rule("room", room_id, {"actions": []})


async def _in_turn(services: SyncServices, room_id: RoomID) -> None:
    for number in range(3):
        await services.say(room_id, ALICE, f"{number}")


def _ageless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ageless(each) for name, each in value.items() if name != "age"}
    return [_ageless(each) for each in value] if isinstance(value, list) else value


def _comparable(answer: Any) -> Any:
    """Without the members that lazy loading introduces: a server that nobody has asked introduces them once more."""
    rooms = _ageless(answer.get("rooms", {}))
    for room in (*rooms.get("join", {}).values(), *rooms.get("leave", {}).values()):
        room["state"]["events"] = [each for each in room["state"]["events"] if each["type"] != "m.room.member"]
    return rooms
