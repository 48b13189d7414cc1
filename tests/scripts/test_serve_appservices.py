"""The whole server with an application service: it speaks for its users, is told what happens, and is asked."""

from typing import Any, ClassVar

from tests.bridges import Request
from tests.client import Client
from tests.scripts.appservices import APP, GHOST, V1, V3, AppserviceCase


class SpeakingTests(AppserviceCase):
    async def test_it_speaks_for_its_users(self) -> None:
        """For its own without being asked whom, for those it registered by name, and for nobody else."""
        whoami = f"{V3}/account/whoami"
        await self.user("alice")
        await self.ghost()
        own = await self.service.get(whoami)
        ghost = await self.service.get(whoami, user_id=GHOST)

        self.assertEqual({"user_id": "@_bridge:localhost", "is_guest": False}, own.json)
        self.assertEqual(GHOST, ghost.json["user_id"])
        for other in ("@alice:localhost", "@_bridge_unborn:localhost", "@_bridge_x:elsewhere.example"):
            refused = await self.service.get(whoami, user_id=other)
            self.assertEqual((403, "M_FORBIDDEN"), (refused.status, refused.errcode), other)
        unknown = await self.client("hs-secret").get(whoami)
        self.assertEqual((401, "M_UNKNOWN_TOKEN"), (unknown.status, unknown.errcode))

    async def test_devices_without_a_login(self) -> None:
        """They are made, spoken for, and deleted with nothing to prove."""
        await self.ghost()
        whoami, device = f"{V3}/account/whoami", f"{V3}/devices/D1"
        before = await self.service.get(whoami, user_id=GHOST, device_id="D1")
        made = await self.service.put(device, {"display_name": "Bridge"}, user_id=GHOST)
        renamed = await self.service.put(device, {"display_name": "Bridge 2"}, user_id=GHOST)
        for name in ("device_id", "org.matrix.msc3202.device_id"):
            found = await self.service.request("GET", whoami, query={"user_id": GHOST, name: "D1"})
            self.assertEqual("D1", found.json["device_id"])
        deleted = await self.service.delete(device, {}, user_id=GHOST)
        after = await self.service.get(whoami, user_id=GHOST, device_id="D1")

        self.assertEqual([400, 201, 200, 200, 400], [x.status for x in (before, made, renamed, deleted, after)])
        self.assertEqual("M_UNKNOWN_DEVICE", before.errcode)

    async def test_names_are_its_own(self) -> None:
        """Others register neither users nor aliases of its namespaces, and it none outside."""
        alice = await self.user("alice")
        room_id = (await alice.post(f"{V3}/createRoom", {"preset": "public_chat"})).json["room_id"]
        account = {"username": "_bridge_x", "password": "a good one", "auth": {"type": "m.login.dummy"}}
        outside = {"type": "m.login.application_service", "username": "bob", "inhibit_login": True}
        own, other = f"{V3}/directory/room/%23_bridge_a:localhost", f"{V3}/directory/room/%23b:localhost"
        body = {"room_id": room_id}
        await self.service.post(f"{V3}/join/{room_id}", {})

        for refused in (
            await self.client(None).post(f"{V3}/register", account),
            await self.service.post(f"{V3}/register", outside),
            await alice.put(own, body),
            await alice.post(f"{V3}/createRoom", {"room_alias_name": "_bridge_b"}),
            await self.service.put(other, body),
        ):
            self.assertEqual((400, "M_EXCLUSIVE"), (refused.status, refused.errcode), refused.body)
        self.assertEqual(200, (await self.service.put(own, body)).status)
        self.assertEqual("M_EXCLUSIVE", (await alice.delete(own)).errcode)
        self.assertEqual(200, (await self.service.delete(own)).status)

    async def test_events_of_another_time(self) -> None:
        """A service states when something was said; a user cannot, and nonsense is refused."""
        alice = await self.user("alice")
        room_id = await self.room_with_ghost(alice)
        said = await self.say(self.service, room_id, "old", user_id=GHOST, ts=1234567890)
        topic = f"{V3}/rooms/{room_id}/state/m.room.member/{GHOST}"
        state = await self.service.put(topic, {"membership": "join", "displayname": "G"}, user_id=GHOST, ts=42)
        own = await self.say(alice, room_id, "new", ts=1)
        events = [
            (await alice.get(f"{V3}/rooms/{room_id}/event/{each.json['event_id']}")).json["origin_server_ts"]
            for each in (said, state, own)
        ]

        self.assertEqual([1234567890, 42], events[:2])
        self.assertGreater(events[2], 1234567890)
        for nonsense in ("-1", "soon", "9007199254740992", "1.5"):
            refused = await self.say(self.service, room_id, "bad", user_id=GHOST, ts=nonsense)
            self.assertEqual((400, "M_INVALID_PARAM"), (refused.status, refused.errcode))

    async def test_what_it_sends_twice_is_sent_once(self) -> None:
        """Under one transaction ID, without a device."""
        room_id = await self.room_with_ghost(await self.user("alice"))
        first = await self.say(self.service, room_id, "one", user_id=GHOST)
        again = await self.say(self.service, room_id, "one", user_id=GHOST)

        self.assertEqual(first.json, again.json)


class ToldTests(AppserviceCase):
    async def test_it_is_told_of_its_rooms_alone(self) -> None:
        """What happens where its users are, as clients see it, from when they are there until they go."""
        alice = await self.user("alice")
        other = (await alice.post(f"{V3}/createRoom", {})).json["room_id"]
        await self.ghost()
        room_id = (await alice.post(f"{V3}/createRoom", {"preset": "public_chat"})).json["room_id"]
        await self.say(alice, room_id, "before")
        await self.service.post(f"{V3}/join/{room_id}", {}, user_id=GHOST)
        await self.say(alice, other, "elsewhere")
        said = await self.say(alice, room_id, "here")
        await self.until(lambda: "here" in self.bridge.bodies())
        await self.service.post(f"{V3}/rooms/{room_id}/leave", {}, user_id=GHOST)
        await self.say(alice, room_id, "after")
        await self.service.post(f"{V3}/join/{room_id}", {}, user_id=GHOST)
        await self.say(alice, room_id, "again")
        await self.until(lambda: "again" in self.bridge.bodies())

        self.assertEqual(["here", "again"], self.bridge.bodies())
        members = [each["content"]["membership"] for each in self.bridge.events if each["type"] == "m.room.member"]
        self.assertEqual(["join", "leave", "join"], members)
        event = next(each for each in self.bridge.events if each["event_id"] == said.json["event_id"])
        self.assertEqual(
            (room_id, "@alice:localhost", "m.room.message"), (event["room_id"], event["sender"], event["type"])
        )
        self.assertLess(event["unsigned"]["age"], 60_000)
        transaction = self.bridge.transactions[0]
        self.assertEqual(
            ("PUT", "Bearer hs-secret", {}), (transaction.method, transaction.authorization, transaction.query)
        )
        self.assertEqual({"events"}, set(transaction.body))

    async def test_invites_reach_it(self) -> None:
        """Though none of its users is in the room."""
        alice = await self.user("alice")
        await self.ghost()
        room_id = (await alice.post(f"{V3}/createRoom", {"invite": [GHOST]})).json["room_id"]
        await self.until(lambda: self.bridge.events)

        self.assertEqual([(room_id, GHOST)], [(each["room_id"], each["state_key"]) for each in self.bridge.events])

    async def test_rooms_by_their_names(self) -> None:
        """All that happens in a room while it has an alias of the service is told, whoever is there, and at once."""
        alice, alias = await self.user("alice"), f"{V3}/directory/room/%23_bridge_tea:localhost"
        room_id = (await alice.post(f"{V3}/createRoom", {"preset": "public_chat"})).json["room_id"]
        await self.service.post(f"{V3}/join/{room_id}", {})
        await self.service.put(alias, {"room_id": room_id})
        await self.service.post(f"{V3}/rooms/{room_id}/leave", {})
        await self.say(alice, room_id, "named")
        await self.until(lambda: "named" in self.bridge.bodies())
        await self.service.delete(alias)
        await self.say(alice, room_id, "unnamed")
        # What is said later, and elsewhere, has come: this will not.
        await self.say(alice, await self.room_with_ghost(alice), "later")
        await self.until(lambda: "later" in self.bridge.bodies())

        self.assertEqual(["named", "later"], self.bridge.bodies())

    async def test_the_same_transaction_until_it_is_taken(self) -> None:
        """Its name and its content are the same each time, over a restart too; what comes after waits its turn."""
        alice = await self.user("alice")
        room_id = await self.room_with_ghost(alice)
        await self.until(lambda: self.bridge.events)
        self.bridge.status = 503
        taken = len(self.bridge.transactions)
        await self.say(alice, room_id, "one")
        await self.until(lambda: len(self.bridge.transactions) >= taken + 2)
        await self.say(alice, room_id, "two")
        await self.server.stop()
        await self.port.close()
        self.bridge.status = 200
        refused = self.bridge.transactions[taken:]
        self.bridge.requests.clear()
        await self.start()
        await self.say(self.client(alice.token), room_id, "three")
        self.port.open()
        await self.until(lambda: "three" in self.bridge.bodies())

        self.assertEqual(["one", "two", "three"], self.bridge.bodies())
        again = self.bridge.transactions[0]
        names = {each.path.rpartition("/")[2] for each in (*refused, again)}
        self.assertEqual(1, len(names))
        self.assertEqual([again.body] * len(refused), [each.body for each in refused])
        self.assertEqual(len(self.bridge.transactions), len({each.path for each in self.bridge.transactions}))

    async def test_older_services_are_asked_by_older_paths(self) -> None:
        """With the token in the query, as was the custom."""
        room_id = await self.room_with_ghost(await self.user("alice"))
        await self.until(lambda: self.bridge.events)
        self.bridge.is_old = True
        await self.say(self.service, room_id, "old", user_id=GHOST)
        await self.until(lambda: self.bridge.requests[-1].path.startswith("/transactions/"))
        newer, older = self.bridge.requests[-2:]

        self.assertEqual(newer.path, APP + older.path)
        self.assertEqual(newer.body, older.body)
        self.assertEqual({"access_token": "hs-secret"}, older.query)

    async def test_nothing_is_kept_of_a_service_that_is_gone(self) -> None:
        """Its place in the log neither: that would keep the log."""
        room_id = await self.room_with_ghost(await self.user("alice"))
        await self.until(lambda: self.bridge.events)
        await self.server.stop()
        await self.start(appservices=[])
        count = len(self.bridge.requests)
        await self.server.stop()
        await self.start()
        await self.say(self.service_again(), room_id, "back", user_id=GHOST)
        await self.until(lambda: "back" in self.bridge.bodies())

        self.assertEqual(["back"], self.bridge.bodies()[-1:])
        self.assertGreater(len(self.bridge.requests), count)

    def service_again(self) -> Client:
        return self.client("as-secret")


class AskedTests(AppserviceCase):
    registration: ClassVar[dict[str, Any]] = {"protocols": ["irc"]}

    async def test_rooms_are_made_when_somebody_looks(self) -> None:
        """The service makes the room before it answers; what it does not know is not there, and not asked again."""
        alice = await self.user("alice")
        self.bridge.on_request = self.make_room
        self.bridge.answers[f"{APP}/rooms/#_bridge_tea:localhost"] = (200, {})
        joined = await alice.post(f"{V3}/join/%23_bridge_tea:localhost", {})
        missing = [await alice.get(f"{V3}/directory/room/%23_bridge_none:localhost") for _ in range(2)]
        asked = [each.path for each in self.bridge.requests if each.path.startswith(f"{APP}/rooms/")]

        self.assertEqual(200, joined.status, joined.body)
        self.assertEqual([404, 404], [each.status for each in missing])
        self.assertEqual(1, asked.count(f"{APP}/rooms/#_bridge_none:localhost"))

    async def make_room(self, request: Request) -> None:
        if request.path == f"{APP}/rooms/#_bridge_tea:localhost":
            await self.service.post(f"{V3}/createRoom", {"preset": "public_chat", "room_alias_name": "_bridge_tea"})

    async def test_users_are_made_when_somebody_looks(self) -> None:
        """By their profile, or an invite."""
        alice = await self.user("alice")
        self.bridge.on_request = self.make_user
        for name in ("_bridge_ann", "_bridge_bea"):
            self.bridge.answers[f"{APP}/users/@{name}:localhost"] = (200, {})
        found = await alice.get(f"{V3}/profile/@_bridge_ann:localhost")
        room = await alice.post(f"{V3}/createRoom", {"invite": ["@_bridge_bea:localhost"]})
        nobody = await alice.get(f"{V3}/profile/@_bridge_nobody:localhost")

        self.assertEqual([200, 200, 404], [found.status, room.status, nobody.status])
        self.assertEqual("Ann", found.json["displayname"])

    async def make_user(self, request: Request) -> None:
        if request.path.startswith(f"{APP}/users/") and "nobody" not in request.path:
            name = request.path.rpartition("@")[2].partition(":")[0]
            user_id = await self.ghost(name)
            await self.service.put(f"{V3}/profile/{user_id}/displayname", {"displayname": "Ann"}, user_id=user_id)

    async def test_a_service_that_is_silent(self) -> None:
        """Whoever waits for it is told so."""
        alice = await self.user("alice")
        await self.port.close()
        found = await alice.get(f"{V3}/profile/@_bridge_ann:localhost")

        self.assertEqual(408, found.status, found.body)

    async def test_pings(self) -> None:
        """All is well, or what is not."""
        path = f"{V1}/appservice/bridge/ping"
        self.bridge.answers[f"{APP}/ping"] = (200, {})
        well = await self.service.post(path, {"transaction_id": "meow"})
        self.bridge.answers[f"{APP}/ping"] = (403, {"errcode": "M_FORBIDDEN"})
        refused = await self.service.post(path, {})
        strange = await self.service.post(f"{V1}/appservice/other/ping", {})
        user = await (await self.user("alice")).post(path, {})
        await self.port.close()
        gone = await self.service.post(path, {})

        self.assertEqual({"transaction_id": "meow"}, self.bridge.requests[0].body)
        self.assertIsInstance(well.json["duration_ms"], int)
        self.assertEqual((502, "M_BAD_STATUS", 403), (refused.status, refused.errcode, refused.json["status"]))
        self.assertIn("M_FORBIDDEN", refused.json["body"])
        for other in (strange, user):
            self.assertEqual((403, "M_FORBIDDEN"), (other.status, other.errcode))
        self.assertEqual((502, "M_CONNECTION_FAILED"), (gone.status, gone.errcode))

    async def test_networks(self) -> None:
        """What the service tells of its network reaches clients, with a name for each instance."""
        alice = await self.user("alice")
        irc = {"user_fields": ["nick"], "location_fields": ["channel"], "icon": "mxc://x/y", "field_types": {}}
        instance = {"network_id": "libera", "desc": "Libera", "fields": {"network": "libera"}}
        self.bridge.answers[f"{APP}/thirdparty/protocol/irc"] = (200, {**irc, "instances": [instance, 7]})
        place = {"alias": "#_bridge_tea:localhost", "protocol": "irc", "fields": {"channel": "#tea"}}
        somebody = {"userid": GHOST, "protocol": "irc", "fields": {"nick": "ghost"}}
        self.bridge.answers[f"{APP}/thirdparty/location/irc"] = (200, [place, {"alias": 1}])
        self.bridge.answers[f"{APP}/thirdparty/location"] = (200, [place])
        self.bridge.answers[f"{APP}/thirdparty/user/irc"] = (200, [somebody])
        self.bridge.answers[f"{APP}/thirdparty/user"] = (200, [somebody])
        protocols = await alice.get(f"{V3}/thirdparty/protocols")
        one = await alice.get(f"{V3}/thirdparty/protocol/irc")
        places = await alice.get(f"{V3}/thirdparty/location/irc", channel="#tea")
        asked = self.bridge.requests[-1]
        users = await alice.get(f"{V3}/thirdparty/user/irc", nick="ghost")

        self.assertEqual({**irc, "instances": [{**instance, "instance_id": "bridge|libera"}]}, one.json)
        self.assertEqual({"irc": one.json}, protocols.json)
        self.assertEqual(([place], {"channel": "#tea"}), (places.json, asked.query))
        self.assertEqual([somebody], users.json)
        by_alias = await alice.get(f"{V3}/thirdparty/location", alias="#_bridge_tea:localhost")
        by_user = await alice.get(f"{V3}/thirdparty/user", userid=GHOST)
        self.assertEqual(([place], [somebody]), (by_alias.json, by_user.json))
        for path in ("protocol/x", "location/x", "user/x"):
            self.assertEqual(404, (await alice.get(f"{V3}/thirdparty/{path}")).status)
        self.assertEqual(404, (await alice.get(f"{V3}/thirdparty/location", alias="#x:localhost")).status)

    async def test_directories_of_networks(self) -> None:
        """Rooms are shown under a network, and beside all others to who asks for all."""
        alice = await self.user("alice")
        plain = (await alice.post(f"{V3}/createRoom", {"visibility": "public", "name": "Plain"})).json["room_id"]
        bridged = (await alice.post(f"{V3}/createRoom", {"name": "Bridged"})).json["room_id"]
        path = f"{V3}/directory/list/appservice/libera/{bridged}"
        put = await self.service.put(path, {"visibility": "public"})

        self.assertEqual(200, put.status)
        self.assertEqual({plain}, await self.rooms(alice))
        self.assertEqual({plain, bridged}, await self.rooms(alice, include_all_networks=True))
        self.assertEqual({bridged}, await self.rooms(alice, third_party_instance_id="bridge|libera"))
        self.assertEqual(set(), await self.rooms(alice, third_party_instance_id="bridge|other"))
        self.assertEqual(set(), await self.rooms(alice, third_party_instance_id="x"))
        self.assertEqual(403, (await alice.put(path, {"visibility": "public"})).status)
        await self.service.put(path, {"visibility": "private"})
        self.assertEqual(set(), await self.rooms(alice, third_party_instance_id="bridge|libera"))
        gone = await self.service.put(f"{V3}/directory/list/appservice/libera/!x:localhost", {"visibility": "public"})
        self.assertEqual((404, "M_NOT_FOUND"), (gone.status, gone.errcode))

    async def rooms(self, client: Client, **body: Any) -> set[str]:
        found = await client.post(f"{V3}/publicRooms", body)
        return {each["room_id"] for each in found.json["chunk"]}
