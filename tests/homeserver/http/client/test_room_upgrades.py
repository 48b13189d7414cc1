"""Room upgrades over HTTP."""

from typing import Any
from unittest.mock import patch

from twisted.internet.defer import ensureDeferred, gatherResults

from homeserver.core.canonical import encode_json, parse_json_object
from homeserver.core.identifiers import RoomID
from homeserver.core.push_rules.changes import PushRules
from homeserver.core.push_rules.rules import PushRule
from homeserver.core.timeline import TimelineEvent
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.account_data import write_account_data
from homeserver.services.companions import Beside
from homeserver.services.jobs.service import Jobs
from homeserver.services.member_guards import MemberChange
from homeserver.services.push_rules import PushRuleBook, write_push_rules
from homeserver.services.refusals import Forbidden
from homeserver.services.upgrading import LEFT_OVER_MS, Upgrading
from homeserver.store import account_data
from homeserver.store.failures import Closed
from homeserver.store.rooms import joined
from tests.databases import each_database
from tests.jobs import JobsCase
from tests.room_api import V3, RoomAPICase, User


class UpgradeTests(RoomAPICase):
    async def upgrade(self, user: User, room_id: str, version: str, **more: Any) -> str:
        answer = await user.ok(user.act(room_id, "upgrade", new_version=version, **more))
        return str(answer["replacement_room"])

    async def content(self, room_id: str, kind: str) -> Any:
        response = await self.alice.state(room_id, kind)
        return response.json if response.status == 200 else None

    async def test_what_is_carried_over(self) -> None:
        """The successor has the room's state, type, alias and place in the directory; the room says where it went."""
        old = await self.alice.create_room(
            visibility="public",
            name="Moot",
            topic="All",
            room_alias_name="moot",
            creation_content={"type": "m.space", "m.federate": False},
            initial_state=[
                {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}},
                {"type": "m.room.server_acl", "content": {"allow": ["*"]}},
                {"type": "x.own", "content": {"a": 1}},
                {"type": "m.space.child", "state_key": "!child:x", "content": {"via": ["x"]}},
            ],
            room_version="10",
        )
        await self.bob.join(old)
        last = await self.alice.say(old, "last words")
        new = await self.upgrade(self.alice, old, "12")
        create = await self.content(new, "m.room.create")
        listed = (await self.api.stranger.get(f"{V3}/publicRooms")).json["chunk"]

        self.assertEqual(
            {
                "room_version": "12",
                "type": "m.space",
                "m.federate": False,
                "predecessor": {"room_id": old, "event_id": last},
            },
            create,
        )
        for kind in ("name", "topic", "canonical_alias", "history_visibility", "server_acl", "join_rules"):
            self.assertIsNotNone(await self.content(new, f"m.room.{kind}"), kind)
        self.assertEqual({"alias": "#moot:localhost"}, await self.content(new, "m.room.canonical_alias"))
        self.assertEqual({}, await self.content(old, "m.room.canonical_alias"))
        self.assertIsNone(await self.content(new, "x.own"))
        child = await self.alice.state(new, "m.space.child", "!child:x")
        self.assertEqual({"via": ["x"]}, child.json)
        self.assertEqual(404, (await self.alice.state(new, "m.room.member", self.bob.user_id)).status)
        self.assertEqual(new, (await self.content(old, "m.room.tombstone"))["replacement_room"])
        found = (await self.api.stranger.get(f"{V3}/directory/room/%23moot:localhost")).json
        self.assertEqual(new, found["room_id"])
        self.assertEqual([new], [room["room_id"] for room in listed])

    async def test_the_old_room_falls_silent(self) -> None:
        """Only moderators speak and invite there afterwards."""
        old = await self.alice.create_room(preset="public_chat")
        await self.bob.join(old)
        await self.upgrade(self.alice, old, "11")
        levels = await self.content(old, "m.room.power_levels")
        message = {"msgtype": "m.text", "body": "x"}
        refused = await self.bob.client.put(f"{V3}/rooms/{old}/send/m.room.message/t", message)

        self.assertEqual((50, 50), (levels["events_default"], levels["invite"]))
        self.assert_refused(403, "M_FORBIDDEN", refused)

    async def test_power_levels_between_all_versions(self) -> None:
        """Whoever could run the room can run its successor, whichever the two versions are."""
        for before, after in (("1", "12"), ("6", "10"), ("10", "12"), ("12", "11"), ("12", "12"), ("12", "3")):
            old = await self.alice.create_room(room_version=before, preset="public_chat")
            levels = await self.content(old, "m.room.power_levels")
            levels["users"][self.bob.user_id] = 50
            levels["events"]["m.room.topic"] = 70
            self.assertEqual(200, (await self.alice.set_state(old, "m.room.power_levels", levels)).status)
            new = await self.upgrade(self.alice, old, after)
            carried = await self.content(new, "m.room.power_levels")
            again = await self.alice.act(new, "upgrade", new_version="12")

            self.assertEqual(50, carried["users"][self.bob.user_id], (before, after))
            self.assertEqual(70, carried["events"]["m.room.topic"])
            self.assertEqual(after != "12", self.alice.user_id in carried["users"])
            self.assertEqual(200, (await self.alice.set_state(new, "m.room.topic", {"topic": "x"})).status)
            self.assertEqual(200, again.status, again.body)

    async def test_a_moderator_upgrades(self) -> None:
        """Who may end a room but not set all of its state carries all of it over nevertheless."""
        old = await self.alice.create_room(
            room_version="10",
            preset="public_chat",
            power_level_content_override={
                "users": {self.alice.user_id: 100, self.bob.user_id: 50},
                "events": {"m.room.tombstone": 50, "m.room.server_acl": 100},
            },
            initial_state=[{"type": "m.room.server_acl", "content": {"allow": ["*"]}}],
        )
        await self.bob.join(old)
        new = await self.upgrade(self.bob, old, "11")
        acl = await self.bob.state(new, "m.room.server_acl")
        levels = (await self.bob.state(new, "m.room.power_levels")).json

        self.assertEqual({"allow": ["*"]}, acl.json)
        self.assertEqual({self.alice.user_id: 100, self.bob.user_id: 50}, levels["users"])
        self.assertEqual(403, (await self.bob.set_state(new, "m.room.server_acl", {"allow": ["x"]})).status)

    async def test_additional_creators(self) -> None:
        """Are those that the request names, and stand above the power levels."""
        old = await self.alice.create_room(
            creation_content={"additional_creators": ["@old:localhost"]}, invite=[self.bob.user_id]
        )
        new = await self.upgrade(self.alice, old, "12", additional_creators=[self.bob.user_id, self.alice.user_id])
        ignored = await self.upgrade(self.alice, new, "11", additional_creators=[self.bob.user_id])

        self.assertEqual([self.bob.user_id], (await self.content(new, "m.room.create"))["additional_creators"])
        self.assertNotIn("additional_creators", await self.content(ignored, "m.room.create"))

    async def test_refusals(self) -> None:
        """Who may not, where there is nothing, and to what there is not."""
        room_id = await self.alice.create_room(preset="public_chat")
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.act(room_id, "upgrade", new_version="11"))
        await self.bob.join(room_id)
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.act(room_id, "upgrade", new_version="11"))
        nowhere = await self.alice.act("!nowhere:localhost", "upgrade", new_version="11")
        self.assert_refused(403, "M_FORBIDDEN", nowhere)
        unknown = await self.alice.act(room_id, "upgrade", new_version="none")
        self.assert_refused(400, "M_UNSUPPORTED_ROOM_VERSION", unknown)
        self.assert_refused(400, "M_MISSING_PARAM", await self.alice.act(room_id, "upgrade"))
        self.assert_refused(400, "M_BAD_JSON", await self.alice.act(room_id, "upgrade", new_version=11))
        bad = await self.alice.act(room_id, "upgrade", new_version="12", additional_creators=["x"])
        self.assert_refused(400, "M_INVALID_PARAM", bad)
        self.assertIsNone(await self.content(room_id, "m.room.tombstone"))

    async def test_two_at_once_make_one_successor(self) -> None:
        """Whoever comes second to the end of the room is refused, and may upgrade it after that; no room is left."""
        rooms = self.api.rooms
        # With aliases and power levels to change, and with the tombstone alone, as a room's second upgrade has it.
        old = await self.alice.create_room(preset="public_chat", room_alias_name="moot")
        for _ in range(2):
            before = len(await rooms.database.read(joined))
            both = [ensureDeferred(self.alice.act(old, "upgrade", new_version=each)) for each in ("11", "12")]
            answers = await gatherResults(both)
            (done,) = [answer for answer in answers if answer.status == 200]
            (refused,) = [answer for answer in answers if answer.status != 200]
            named = (await self.content(old, "m.room.tombstone"))["replacement_room"]

            self.assert_refused(409, "M_UNKNOWN", refused)
            self.assertEqual(done.json["replacement_room"], named)
            self.assertEqual(before + 1, len(await rooms.database.read(joined)))

    async def test_the_banned_stay_banned(self) -> None:
        """With the reason; those who stand above the upgrader's ban are left out, and so is who was let in again."""
        old = await self.alice.create_room(preset="public_chat", room_version="10")
        for user in (self.bob, self.carol):
            await self.bob.ok(self.alice.act(old, "ban", user_id=user.user_id, reason="spam"))
        await self.bob.ok(self.alice.act(old, "unban", user_id=self.carol.user_id))
        new = await self.upgrade(self.alice, old, "12", additional_creators=["@dan:localhost"])
        banned = (await self.alice.state(new, "m.room.member", self.bob.user_id)).json

        self.assertEqual({"membership": "ban", "reason": "spam"}, banned)
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.join(new))
        self.assertEqual(200, (await self.carol.join(new)).status)

    async def test_who_may_not_ban_upgrades(self) -> None:
        """A ban that the upgrader could not say, for lack of power or against a creator, hinders no upgrade."""
        old = await self.alice.create_room(
            room_version="10",
            preset="public_chat",
            power_level_content_override={
                "users": {self.alice.user_id: 100, self.bob.user_id: 50},
                "events": {"m.room.tombstone": 50},
                "ban": 60,
            },
        )
        await self.bob.join(old)
        await self.alice.ok(self.alice.act(old, "ban", user_id=self.carol.user_id))
        weak = await self.upgrade(self.bob, old, "11")
        other = await self.alice.create_room(preset="public_chat", room_version="10")
        await self.alice.ok(self.alice.act(other, "ban", user_id=self.carol.user_id))
        made = await self.upgrade(self.alice, other, "12", additional_creators=[self.carol.user_id])

        self.assertEqual(200, (await self.carol.join(weak)).status)
        self.assertEqual(200, (await self.carol.join(made)).status)

    async def test_a_ban_that_is_refused_is_left_out(self) -> None:
        """Whoever objects to one ban hinders neither the others nor the upgrade."""
        old = await self.alice.create_room(preset="public_chat", room_version="10")
        for user in (self.bob, self.carol):
            await self.alice.ok(self.alice.act(old, "ban", user_id=user.user_id))
        guarded = self.bob.user_id

        class Objection:
            async def check(self, change: MemberChange) -> None:
                if change.target == guarded and change.membership == "ban":
                    raise Forbidden

        self.api.rooms.timeline.member_guards.guards.append(Objection())
        new = await self.upgrade(self.alice, old, "12")

        self.assertEqual(200, (await self.bob.join(new)).status)
        self.assert_refused(403, "M_FORBIDDEN", await self.carol.join(new))
        self.assertEqual(new, (await self.content(old, "m.room.tombstone"))["replacement_room"])

    async def test_join_rules_between_versions(self) -> None:
        """Conditions of restricted rooms are carried over; what the new version does not know becomes an invite."""
        allow = [{"type": "m.room_membership", "room_id": "!team:localhost"}]
        rules = {"join_rule": "knock_restricted", "allow": allow}
        old = await self.alice.create_room(
            room_version="10", initial_state=[{"type": "m.room.join_rules", "content": rules}]
        )
        carried = {}
        for version in ("12", "9", "6"):
            new = await self.upgrade(self.alice, old, version)
            carried[version] = await self.content(new, "m.room.join_rules")

        self.assertEqual(rules, carried["12"])
        self.assertEqual({**rules, "join_rule": "knock"}, carried["9"])
        self.assertEqual("invite", carried["6"]["join_rule"])

    async def test_a_room_moves_within_its_space(self) -> None:
        """The space has the new room where it had the old, and the new room names the space."""
        space = await self.alice.create_room(creation_content={"type": "m.space"})
        old = await self.alice.create_room(
            initial_state=[{"type": "m.space.parent", "state_key": space, "content": {"via": ["x"], "canonical": True}}]
        )
        child = {"via": ["x"], "order": "a", "suggested": True}
        await self.alice.ok(self.alice.set_state(space, "m.space.child", child, old))
        new = await self.upgrade(self.alice, old, "12")
        moved = (await self.alice.state(space, "m.space.child", new)).json
        left = (await self.alice.state(space, "m.space.child", old)).json
        parent = (await self.alice.state(new, "m.space.parent", space)).json

        self.assertEqual({**child, "via": ["localhost"]}, moved)
        self.assertEqual({}, left)
        self.assertEqual({"via": ["x"], "canonical": True}, parent)

    async def test_a_space_of_others_stays(self) -> None:
        """Where the upgrader has no say, nothing changes, and the new room does not claim to be there."""
        space = await self.bob.create_room(creation_content={"type": "m.space"}, preset="public_chat")
        await self.alice.join(space)
        old = await self.alice.create_room(
            initial_state=[{"type": "m.space.parent", "state_key": space, "content": {"via": ["x"]}}]
        )
        await self.bob.ok(self.bob.set_state(space, "m.space.child", {"via": ["x"]}, old))
        new = await self.upgrade(self.alice, old, "12")

        self.assertEqual(404, (await self.alice.state(space, "m.space.child", new)).status)
        self.assertEqual({"via": ["x"]}, (await self.alice.state(space, "m.space.child", old)).json)
        self.assertEqual(404, (await self.alice.state(new, "m.space.parent", space)).status)

    async def test_a_space_takes_its_rooms_along(self) -> None:
        """Rooms in it name the new space as their parent, and let its members in as those of the old one."""
        space = await self.alice.create_room(creation_content={"type": "m.space"})
        allow = [{"type": "m.room_membership", "room_id": space}]
        room_id = await self.alice.create_room(
            initial_state=[
                {"type": "m.space.parent", "state_key": space, "content": {"via": ["x"]}},
                {"type": "m.room.join_rules", "content": {"join_rule": "restricted", "allow": allow}},
            ]
        )
        await self.alice.ok(self.alice.set_state(space, "m.space.child", {"via": ["x"]}, room_id))
        new = await self.upgrade(self.alice, space, "12")
        rules = await self.content(room_id, "m.room.join_rules")

        self.assertEqual({"via": ["localhost"]}, (await self.alice.state(room_id, "m.space.parent", new)).json)
        self.assertEqual({}, (await self.alice.state(room_id, "m.space.parent", space)).json)
        self.assertEqual([*allow, {"type": "m.room_membership", "room_id": new}], rules["allow"])
        self.assertEqual({"via": ["x"]}, (await self.alice.state(new, "m.space.child", room_id)).json)


@each_database
class InterruptedUpgradeTests(JobsCase):
    """A process ends in the midst of an upgrade."""

    def add_kinds(self, jobs: Jobs) -> None:
        jobs.add_kind(self.api.upgrading)

    async def test_all_or_nothing(self) -> None:
        """Where the end of the old room cannot be written there is no new one, and the alias stays."""
        old = await self.alice.create_room(room_alias_name="moot", visibility="public")

        class Refusing:
            def beside(self, entry: TimelineEvent) -> Beside | None:
                return self.refuse if entry.event.type == "m.room.tombstone" else None

            def refuse(self, *_: object) -> None:
                raise Forbidden

        self.api.rooms.timeline.companions.append(Refusing())
        refused = await self.alice.act(old, "upgrade", new_version="12")
        found = (await self.api.stranger.get(f"{V3}/directory/room/%23moot:localhost")).json
        joined = (await self.alice.client.get(f"{V3}/joined_rooms")).json

        self.assert_refused(403, "M_FORBIDDEN", refused)
        self.assertEqual(old, found["room_id"])
        self.assertEqual([old], joined["joined_rooms"])
        self.assertEqual([], await self.jobs.page(None, 9))

    async def test_the_rest_is_done_after_a_restart(self) -> None:
        """What was begun is done by the next process: the other bans, and the links; and then nothing is left."""
        space = await self.alice.create_room(creation_content={"type": "m.space"})
        old = await self.alice.create_room(preset="public_chat")
        await self.alice.ok(self.alice.set_state(space, "m.space.child", {"via": ["x"]}, old))
        for user in (self.bob, self.carol):
            await self.alice.ok(self.alice.act(old, "ban", user_id=user.user_id))
        version = ROOM_VERSIONS["11"]
        with (
            patch.object(Upgrading, "_ban", side_effect=Closed),
            patch("homeserver.services.upgrading.BANS_FIRST", 1),
            self.assertRaises(Closed),
        ):
            await self.api.upgrading.upgrade(self.alice.user_id, RoomID(old), version)
        new = (await self.alice.ok(self.alice.state(old, "m.room.tombstone")))["replacement_room"]
        first = [(await self.alice.state(new, "m.room.member", u.user_id)).status for u in (self.bob, self.carol)]
        self.api.rooms.timeline.composer.clock.advance(LEFT_OVER_MS / 1000)  # type: ignore[attr-defined]
        await self.settle()
        banned = [(await self.alice.state(new, "m.room.member", u.user_id)).json for u in (self.bob, self.carol)]

        self.assertEqual([404, 200], first)
        self.assertEqual([{"membership": "ban"}] * 2, banned)
        self.assertEqual({"via": ["localhost"]}, (await self.alice.state(space, "m.space.child", new)).json)
        self.assertEqual({}, (await self.alice.state(space, "m.space.child", old)).json)
        self.assertEqual([], await self.jobs.page(None, 9))


class InheritanceTests(RoomAPICase):
    """What users keep about a room."""

    async def keep(self, user: User, room_id: str, kind: str, content: Any) -> None:
        text = encode_json(content).decode()
        await self.database.write(write_account_data, user.user_id, room_id, kind, text)

    async def kept(self, user: User, room_id: str, kind: str) -> Any:
        text = await self.database.read(account_data.content, user.user_id, room_id, kind)
        return None if text is None else parse_json_object(text.encode())

    async def mute(self, user: User, room_id: str) -> None:
        rules = PushRules((PushRule("room", room_id, ()),))
        await self.database.write(write_push_rules, user.user_id, lambda _: rules)

    async def muted(self, user: User) -> list[str]:
        return [rule.rule_id for rule in (await PushRuleBook(self.database).of(user.user_id)).added]

    async def upgraded(self, room_id: str) -> str:
        return str((await self.alice.ok(self.alice.act(room_id, "upgrade", new_version="12")))["replacement_room"])

    async def test_members_find_their_settings(self) -> None:
        """Tags, direct chats and push rules go over: to the upgrader at once, to others when they join."""
        old = await self.alice.create_room(preset="public_chat")
        await self.bob.join(old)
        tags = {"tags": {"m.favourite": {"order": 0.5}}}
        for user in (self.alice, self.bob):
            await self.keep(user, old, "m.tag", tags)
            await self.keep(user, "", "m.direct", {"@x:y": [old], "@z:y": ["!other:y"]})
            await self.mute(user, old)
        new = await self.upgraded(old)
        before = await self.kept(self.bob, new, "m.tag")
        await self.bob.join(new)

        self.assertIsNone(before)
        for user in (self.alice, self.bob):
            self.assertEqual(tags, await self.kept(user, new, "m.tag"))
            self.assertEqual({"@x:y": [old, new], "@z:y": ["!other:y"]}, await self.kept(user, "", "m.direct"))
            self.assertEqual([old, new], await self.muted(user))

    async def test_a_new_profile_brings_nothing_back(self) -> None:
        """What a member has taken away from the new room stays away: only coming in inherits."""
        old = await self.alice.create_room(preset="public_chat")
        await self.bob.join(old)
        await self.mute(self.bob, old)
        new = await self.upgraded(old)
        await self.bob.join(new)
        await self.mute(self.bob, old)
        renamed = {"membership": "join", "displayname": "Robert"}
        await self.bob.ok(self.bob.set_state(new, "m.room.member", renamed, self.bob.user_id))

        self.assertEqual([old], await self.muted(self.bob))

    async def test_a_claim_is_not_enough(self) -> None:
        """A room that says that it took the place of another, which knows nothing of that, inherits nothing."""
        old = await self.alice.create_room(preset="public_chat")
        await self.bob.join(old)
        await self.keep(self.bob, "", "m.direct", {self.alice.user_id: [old]})
        false = await self.carol.create_room(
            preset="public_chat", creation_content={"predecessor": {"room_id": old, "event_id": "$x"}}
        )
        await self.bob.join(false)

        self.assertEqual({self.alice.user_id: [old]}, await self.kept(self.bob, "", "m.direct"))

    async def test_strangers_inherit_nothing(self) -> None:
        """Who was never in the old room has nothing of it in the new one."""
        old = await self.alice.create_room(preset="public_chat")
        await self.keep(self.bob, old, "m.tag", {"tags": {"u.x": {}}})
        new = await self.upgraded(old)
        await self.bob.join(new)

        self.assertIsNone(await self.kept(self.bob, new, "m.tag"))
