"""Tests of homeserver.http.client.thread_subscriptions, through requests, and of what subscriptions do to counts."""

from typing import Any

from attrs import evolve

from homeserver.core.identifiers import RoomID
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.push_rules import PushRuleEndpoints
from homeserver.http.client.thread_subscriptions import ThreadSubscriptionEndpoints
from homeserver.services.thread_subscriptions import ThreadSubscriptions, ThreadSubscriptionsExtension
from homeserver.store.write import Write
from tests.client import Response, a_site
from tests.databases import each_database
from tests.room_api import HERE, RoomAPICase, User
from tests.sliding import SlidingClient, SlidingServices
from tests.syncing import SyncServices

UNSTABLE = "/_matrix/client/unstable/io.element.msc4306"
EXTENSION = "io.element.msc4308.thread_subscriptions"


@each_database
class ThreadSubscriptionTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        api = self.api
        self.sync = SyncServices(self.database, rooms=api.rooms, server=HERE)
        self.subscriptions = ThreadSubscriptions(
            self.database, api.rooms.tail, api.messages.views, api.messages, self.sync.threads
        )
        api.rooms.tail.follow(self.subscriptions.follow)
        self.sync.unread.subscribed = self.subscriptions
        self.sync.push_rules.proposed = True
        self.site = a_site(
            ThreadSubscriptionEndpoints(self.subscriptions),
            PushRuleEndpoints(self.sync.push_rules),
            authenticators=token_authenticators(api.tokens),
            clock=api.clock,
        )
        self.room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(self.room_id)
        self.root = await self.alice.say(self.room_id, "what do you think")

    def path(self, root: str = "", room_id: str = "", prefix: str = "/_matrix/client/v1") -> str:
        return f"{prefix}/rooms/{room_id or self.room_id}/thread/{root or self.root}/subscription"

    async def ask(self, user: User, method: str, path: str, body: Any = None, **query: Any) -> Response:
        client = evolve(user.client, site=self.site)
        if method == "PUT":
            return await client.put(path, body or {})
        return await (client.delete(path) if method == "DELETE" else client.get(path, **query))

    async def reply(self, user: User, text: str, **content: Any) -> str:
        """A message in the thread."""
        relation = {"rel_type": "m.thread", "event_id": self.root}
        return await user.say(self.room_id, text, **{"m.relates_to": relation, **content})

    async def unread(self, user: User) -> int:
        row = (await self.sync.memberships.of(user.user_id)).joined[RoomID(self.room_id)]
        return (await self.sync.unread.of(row, self.sync.tail.head)).total.notify

    async def test_subscribing_and_unsubscribing(self) -> None:
        """What was said is told; unsubscribing twice is no error."""
        before = await self.ask(self.bob, "GET", self.path())
        put = await self.ask(self.bob, "PUT", self.path())
        manual = await self.ask(self.bob, "GET", self.path(prefix=UNSTABLE))
        for _ in range(2):
            deleted = await self.ask(self.bob, "DELETE", self.path())
            self.assertEqual((200, {}), (deleted.status, deleted.json))
        after = await self.ask(self.bob, "GET", self.path())

        self.assert_refused(404, "M_NOT_FOUND", before)
        self.assertEqual((200, {}), (put.status, put.json))
        self.assertEqual({"automatic": False}, manual.json)
        self.assert_refused(404, "M_NOT_FOUND", after)

    async def test_automatic_subscriptions(self) -> None:
        """They need an event of the thread, and never take the place of what the user wants."""
        cause = await self.reply(self.alice, "bob, what do you think")
        outside = await self.alice.say(self.room_id, "elsewhere")
        refused = await self.ask(self.bob, "PUT", self.path(), {"automatic": outside})
        unstable = await self.ask(self.bob, "PUT", self.path(prefix=UNSTABLE), {"automatic": outside})
        await self.ask(self.bob, "PUT", self.path(), {"automatic": cause})
        automatic = await self.ask(self.bob, "GET", self.path())
        await self.ask(self.bob, "PUT", self.path(), {"automatic": False})
        manual = await self.ask(self.bob, "GET", self.path())
        await self.ask(self.bob, "PUT", self.path(), {"automatic": cause})
        still = await self.ask(self.bob, "GET", self.path())

        self.assert_refused(400, "M_NOT_IN_THREAD", refused)
        self.assert_refused(400, "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD", unstable)
        self.assertEqual({"automatic": True}, automatic.json)
        self.assertEqual({"automatic": False}, manual.json)
        self.assertEqual({"automatic": False}, still.json)
        self.assertEqual(400, (await self.ask(self.bob, "PUT", self.path(), {"automatic": 5})).status)

    async def test_who_has_unsubscribed_is_not_subscribed_again_by_an_older_event(self) -> None:
        """A newer one does it."""
        older = await self.reply(self.alice, "one")
        await self.ask(self.bob, "PUT", self.path(), {"automatic": older})
        await self.ask(self.bob, "DELETE", self.path())
        conflict = await self.ask(self.bob, "PUT", self.path(), {"automatic": older})
        unstable = await self.ask(self.bob, "PUT", self.path(prefix=UNSTABLE), {"automatic": older})
        newer = await self.reply(self.alice, "two")
        again = await self.ask(self.bob, "PUT", self.path(), {"automatic": newer})

        self.assert_refused(409, "M_CONFLICTING_UNSUBSCRIPTION", conflict)
        self.assert_refused(409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION", unstable)
        self.assertEqual(200, again.status)

    async def test_threads_that_are_not_there(self) -> None:
        """An unknown event, one of another room, one in a thread, and a room that the caller may not see."""
        in_thread = await self.reply(self.alice, "one")
        secret = await self.alice.create_room(preset="private_chat")
        hidden = await self.alice.say(secret, "psst")
        for path in (
            self.path("$nothing"),
            self.path(hidden),
            self.path(in_thread),
            self.path(hidden, secret),
            self.path(self.root, "!nowhere:localhost"),
        ):
            for method in ("GET", "PUT", "DELETE"):
                with self.subTest(path=path, method=method):
                    self.assert_refused(404, "M_NOT_FOUND", await self.ask(self.bob, method, path))

    async def test_counts_follow_subscriptions(self) -> None:
        """Who chooses threads counts those of their choice, and mentions everywhere; others count all as before."""
        await self.sync.receipts.advance(self.bob.user_id, RoomID(self.room_id), "m.read", self.root)  # type: ignore[arg-type]
        await self.reply(self.alice, "one")
        self.assertEqual(1, await self.unread(self.bob))
        await self.ask(self.bob, "DELETE", self.path())
        self.assertEqual(0, await self.unread(self.bob))
        await self.reply(self.alice, "two")
        self.assertEqual(0, await self.unread(self.bob))
        await self.reply(self.alice, "bob?", **{"m.mentions": {"user_ids": [self.bob.user_id]}})
        self.assertEqual(1, await self.unread(self.bob))
        await self.ask(self.bob, "PUT", self.path())
        self.assertEqual(3, await self.unread(self.bob))
        await self.reply(self.alice, "four")
        self.assertEqual(4, await self.unread(self.bob))

    async def test_the_rules_are_shown_and_nobody_adds_to_their_kind(self) -> None:
        """They stand between content and room, can be switched off, and are the server's alone."""
        await self.sync.receipts.advance(self.bob.user_id, RoomID(self.room_id), "m.read", self.root)  # type: ignore[arg-type]
        rules = (await self.ask(self.bob, "GET", "/_matrix/client/v3/pushrules/global/")).json
        path = "/_matrix/client/v3/pushrules/global/postcontent/"
        theirs = path + ".io.element.msc4306.rule.unsubscribed_thread"
        added = await self.ask(self.bob, "PUT", path + "mine", {"actions": [], "conditions": []})
        await self.ask(self.bob, "DELETE", self.path())
        await self.reply(self.alice, "one")
        silent = await self.unread(self.bob)
        switched = await self.ask(self.bob, "PUT", theirs + "/enabled", {"enabled": False})
        await self.reply(self.alice, "two")

        self.assertEqual(["override", "content", "postcontent", "room", "sender", "underride"], list(rules))
        self.assertEqual(2, len(rules["postcontent"]))
        self.assert_refused(400, "M_INVALID_PARAM", added)
        self.assertEqual(0, silent)
        self.assertEqual(200, switched.status)
        self.assertEqual(1, await self.unread(self.bob))

    async def test_sliding_sync_tells_of_them(self) -> None:
        """The first answer the newest with a token to page back by, later ones what changed; who waits is woken."""
        roots = [await self.alice.say(self.room_id, f"thread {number}") for number in range(4)]
        for root in roots:
            await self.ask(self.bob, "PUT", self.path(root))
        sliding = SlidingServices(self.sync, extensions=[ThreadSubscriptionsExtension(self.subscriptions, EXTENSION)])
        wishes = {EXTENSION: {"enabled": True, "limit": 2}}
        client = SlidingClient(sliding, self.bob.user_id, extensions=wishes)
        first = (await client.sync())["extensions"][EXTENSION]
        page = "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions"
        second = (await self.ask(self.bob, "GET", page, dir="b", limit=1, **{"from": first["prev_batch"]})).json
        third = (await self.ask(self.bob, "GET", page, dir="b", **{"from": second["end"], "to": "s0_0"})).json
        nothing = await client.sync()
        waiting = client.wait()
        await self.ask(self.bob, "DELETE", self.path(roots[0]))
        await self.sync.turn()
        last = (await waiting)["extensions"][EXTENSION]

        told = [set(answer["subscribed"][self.room_id]) for answer in (first, second, third)]
        self.assertEqual([{roots[3], roots[2]}, {roots[1]}, {roots[0]}], told)
        self.assertFalse(first["subscribed"][self.room_id][roots[3]]["automatic"])
        self.assertNotIn("end", third)
        self.assertEqual({}, nothing["extensions"])
        self.assertEqual([roots[0]], list(last["unsubscribed"][self.room_id]))
        self.assertEqual(["bump_stamp"], list(last["unsubscribed"][self.room_id][roots[0]]))
        for bad in ({"dir": "f"}, {"from": "x"}, {"limit": 0}, {"to": "c1"}):
            with self.subTest(**bad):
                self.assertEqual(400, (await self.ask(self.bob, "GET", page, **bad)).status)

    async def test_who_is_forgotten_has_said_nothing(self) -> None:
        """An account that ends keeps what it said, unless it is to be erased."""
        await self.ask(self.bob, "PUT", self.path())
        await self.database.write(self._end, False)
        kept = await self.ask(self.bob, "GET", self.path())
        await self.database.write(self._end, True)
        gone = await self.ask(self.bob, "GET", self.path())

        self.assertEqual((200, 404), (kept.status, gone.status))
        self.assertIsNone(await self.subscriptions.of(self.bob.user_id, 1))

    def _end(self, tx: Write, erase: bool) -> None:
        self.subscriptions.delete_of_account(tx, self.bob.user_id, erase=erase)
