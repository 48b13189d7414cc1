"""Accounts in the hands of administrators."""

from typing import Any

from sqlalchemy import select

from homeserver.core.identifiers import DeviceID
from homeserver.services.rate_limits import RateLimitSettings, RateSettings
from homeserver.store import devices
from homeserver.store.schema.users import access_tokens
from tests.accounts import PASSWORD, START_SECONDS
from tests.administration import LOUD, AdministrationCase, user
from tests.client import Client
from tests.databases import each_database

V3 = "/_matrix/client/v3"
ALICE = f"/users/{user('alice')}"


@each_database
class ListTests(AdministrationCase):
    """All accounts, and parts of them."""

    async def ids(self, **query: object) -> list[str]:
        page = await self.done("GET", "/users", **query)
        return [item["user_id"] for item in page["items"]]

    async def test_pages_hold_each_account_once(self) -> None:
        """In every order and direction, whatever the length of a page; accounts that come between do no harm."""
        every = await self.ids()
        self.assertEqual([user("alice"), user("bob"), user("root")], every)
        for order in ("user_id", "created", "last_seen"):
            for direction in ("ascending", "descending"):
                with self.subTest(order=order, direction=direction):
                    seen: list[str] = []
                    token: dict[str, str] = {}
                    while True:
                        page = await self.done("GET", "/users", limit=1, order_by=order, direction=direction, **token)
                        seen += [item["user_id"] for item in page["items"]]
                        self.assertEqual(3, page["total"])
                        if "next_token" not in page:
                            break
                        token = {"from": page["next_token"]}

                    self.assertEqual(every, sorted(seen))

    async def test_orders(self) -> None:
        """By name, by age, and by who was there last; who never was comes first."""
        await self.database.write(devices.insert_new, user("bob"), DeviceID("D"), None, 1)
        await self.database.write(devices.set_last_seen, user("bob"), DeviceID("D"), 99, "192.0.2.9", "a")

        self.assertEqual(user("bob"), (await self.ids(order_by="last_seen"))[-1])
        self.assertEqual(user("root"), (await self.ids(direction="descending"))[0])
        page = await self.done("GET", "/users", search="bob")
        self.assertEqual(99, page["items"][0]["last_seen_ms"])

    async def test_searches_and_filters(self) -> None:
        """Names, display names, addresses; what stands for anything in the database stands for itself here."""
        await self.done("POST", "/users", {"username": "dora_x", "display_name": "Dora 100% 北京"})
        await self.done("POST", f"{ALICE}/threepids", {"medium": "email", "address": "A.Liddell@example.org"})
        await self.done("PUT", f"/users/{user('bob')}/lock", {"locked": True})

        for search, found in (
            ("ALIC", ["alice"]),
            ("liddell", ["alice"]),
            ("00%", ["dora_x"]),
            ("北京", ["dora_x"]),
            ("a_x", ["dora_x"]),
            ("o%t", []),
            ("\\", []),
        ):
            with self.subTest(search=search):
                self.assertEqual([user(name) for name in found], await self.ids(search=search))
        self.assertEqual([user("bob")], await self.ids(locked=True))
        self.assertEqual([user("root")], await self.ids(admins=True))
        self.assertEqual([], await self.ids(deactivated=True))
        self.assertEqual([user("alice"), user("dora_x")], await self.ids(locked=False, admins=False))

    async def test_bad_questions(self) -> None:
        """Tokens of other lists, orders and lengths that are none."""
        token = (await self.done("GET", "/users", limit=1, order_by="created"))["next_token"]
        for query in (
            {"from": token},
            {"from": "!"},
            {"from": "bnVsbA"},
            {"limit": 0},
            {"limit": -1},
            {"order_by": "password_hash"},
            {"locked": "maybe"},
            {"search": ""},
            {"search": "x" * 257},
        ):
            with self.subTest(query=query):
                response = await self.ask("GET", "/users", **query)

                self.assertEqual((400, "M_INVALID_PARAM"), (response.status, response.errcode))


class AccountTests(AdministrationCase):
    """One account."""

    async def logs_in(self, name: str, password: str = PASSWORD) -> int:
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": password}
        return (await Client(self.site).post(f"{V3}/login", body)).status

    async def test_making_one(self) -> None:
        """It can log in, with the name that was wanted, and is what it was to be."""
        made = await self.done(
            "POST",
            "/users",
            {"username": "Dora", "password": "a new one", "is_admin": True, "display_name": "D", "user_type": "bot"},
        )
        shown = await self.done("GET", f"/users/{made['user_id']}")

        self.assertEqual(user("dora"), made["user_id"])
        self.assertEqual(200, await self.logs_in("dora", "a new one"))
        self.assertEqual(
            (True, True, "D", "bot"),
            (shown["is_admin"], shown["has_password"], shown["display_name"], shown["user_type"]),
        )

    async def test_what_cannot_be_made(self) -> None:
        """Names that are taken, reserved or none; passwords that are too weak."""
        for body, status, code in (
            ({"username": "alice"}, 400, "M_USER_IN_USE"),
            ({"username": "_bridge_x"}, 400, "M_EXCLUSIVE"),
            ({"username": LOUD}, 400, "M_EXCLUSIVE"),
            ({"username": "a b"}, 400, "M_INVALID_USERNAME"),
            ({"username": "@x:elsewhere.org"}, 400, "M_INVALID_USERNAME"),
            ({"username": "x", "password": "abc"}, 400, "M_WEAK_PASSWORD"),
            ({"username": "x", "user_type": "x" * 65}, 400, "M_INVALID_PARAM"),
            ({"username": "x", "is_admin": "yes"}, 400, "M_BAD_JSON"),
            ({}, 400, "M_MISSING_PARAM"),
        ):
            with self.subTest(body=body):
                response = await self.ask("POST", "/users", body)

                self.assertEqual((status, code), (response.status, response.errcode))

    async def test_editing_one(self) -> None:
        """What is left out stays; what is empty goes; rooms hear of a new name."""
        await self.done("PUT", ALICE, {"display_name": "Alice", "user_type": "staff"})
        edited = await self.done("PUT", ALICE, {"is_admin": True})
        self.assertEqual(("Alice", "staff", True), (edited["display_name"], edited["user_type"], edited["is_admin"]))
        emptied = await self.done("PUT", ALICE, {"display_name": "", "user_type": ""})

        self.assertNotIn("display_name", emptied)
        self.assertNotIn("user_type", emptied)
        self.assertEqual([user("alice")] * 2, self.accounts.rooms.changed)
        self.assertEqual(200, (await self.alice.get("/_folkmoot/admin/v1/version")).status)

    async def test_administrators_do_not_resign(self) -> None:
        """So that there is always one; another takes the right away, at once."""
        resigned = await self.ask("PUT", f"/users/{user('root')}", {"is_admin": False})
        ended = await self.ask("POST", f"/users/{user('root')}/deactivate", {})
        await self.done("PUT", ALICE, {"is_admin": True})
        taken = await self.alice.put(f"/_folkmoot/admin/v1/users/{user('root')}", {"is_admin": False})

        self.assertEqual([403, 403, 200], [resigned.status, ended.status, taken.status])
        self.assertEqual(403, (await self.ask("GET", "/users")).status)

    async def test_passwords(self) -> None:
        """The old one is no more; sessions go, unless they are to stay."""
        await self.done("PUT", f"{ALICE}/password", {"password": "another", "logout_devices": False})
        self.assertEqual(200, (await self.alice.get(f"{V3}/devices")).status)
        await self.done("PUT", f"{ALICE}/password", {"password": "a third"})
        self.assertEqual(401, (await self.alice.get(f"{V3}/devices")).status)

        self.assertEqual(
            [403, 403, 200], [await self.logs_in("alice", each) for each in (PASSWORD, "another", "a third")]
        )
        weak = await self.ask("PUT", f"{ALICE}/password", {"password": "x"})
        self.assertEqual((400, "M_WEAK_PASSWORD"), (weak.status, weak.errcode))

    async def test_an_account_ends_and_comes_back(self) -> None:
        """Ended, it is in no room and nobody logs in; back, it has another password, and administers nothing."""
        await self.done("PUT", ALICE, {"is_admin": True})
        await self.done("POST", f"{ALICE}/deactivate", {"erase": True})
        shown = await self.done("GET", ALICE)
        self.assertEqual((True, True, False), (shown["deactivated"], shown["erased"], shown["has_password"]))
        self.assertEqual([user("alice")], self.accounts.rooms.left)
        self.assertEqual((401, 403), ((await self.alice.get(f"{V3}/devices")).status, await self.logs_in("alice")))
        for path in ("password", "threepids"):
            body = {"password": "a good one"} if path == "password" else {"medium": "email", "address": "a@b.org"}
            method = "PUT" if path == "password" else "POST"
            self.assertEqual(400, (await self.ask(method, f"{ALICE}/{path}", body)).status)

        await self.done("POST", f"{ALICE}/reactivate", {"password": "once more"})
        self.assertEqual(200, await self.logs_in("alice", "once more"))
        self.assertFalse((await self.done("GET", ALICE))["is_admin"])
        again = await self.ask("POST", f"{ALICE}/reactivate", {})
        self.assertEqual((400, "M_BAD_STATE"), (again.status, again.errcode))

    async def test_addresses(self) -> None:
        """Each is one user's; in whatever letters it was typed."""
        await self.done("POST", f"{ALICE}/threepids", {"medium": "email", "address": "Alice@Example.org"})
        taken = await self.ask(
            "POST", f"/users/{user('bob')}/threepids", {"medium": "email", "address": "alice@example.org"}
        )
        self.assertEqual(
            ["alice@example.org"], [each["address"] for each in (await self.done("GET", ALICE))["threepids"]]
        )
        await self.done("DELETE", f"{ALICE}/threepids/email/ALICE@example.org")
        gone = await self.ask("DELETE", f"{ALICE}/threepids/email/alice@example.org")

        self.assertEqual((400, "M_INVALID_PARAM", 404), (taken.status, taken.errcode, gone.status))

    async def test_there_is_no_such_user(self) -> None:
        """Every operation says so."""
        for method, path, body in (
            ("GET", "", None),
            ("PUT", "", {"display_name": "x"}),
            ("PUT", "/password", {"password": "a good one"}),
            ("PUT", "/lock", {"locked": True}),
            ("PUT", "/suspension", {"suspended": True}),
            ("POST", "/deactivate", {}),
            ("POST", "/reactivate", {}),
            ("POST", "/threepids", {"medium": "email", "address": "a@b.org"}),
            ("GET", "/devices", None),
            ("DELETE", "/devices", None),
            ("DELETE", "/devices/X", None),
            ("PUT", "/devices/X", {"display_name": "x"}),
            ("GET", "/rooms", None),
            ("GET", "/pushers", None),
            ("GET", "/limits", None),
            ("PUT", "/limits", {"limits": {}}),
            ("POST", "/token", {}),
        ):
            with self.subTest(path=path, method=method):
                response = await self.ask(method, f"/users/{user('nobody')}{path}", body)

                self.assertEqual((404, "M_NOT_FOUND"), (response.status, response.errcode))


class PossessionTests(AdministrationCase):
    """What an account has."""

    async def test_devices(self) -> None:
        """They are listed, renamed, and gone with their tokens."""
        (device,) = (await self.done("GET", f"{ALICE}/devices"))["items"]
        self.assertEqual("alice's phone", device["display_name"])
        path = f"{ALICE}/devices/{device['device_id']}"
        await self.done("PUT", path, {"display_name": "lost"})
        shown = await self.alice.get(f"{V3}/devices/{device['device_id']}")
        self.assertEqual("lost", shown.json["display_name"])
        await self.done("DELETE", path)

        self.assertEqual(401, (await self.alice.get(f"{V3}/devices")).status)
        self.assertEqual(404, (await self.ask("DELETE", path)).status)

    async def test_logging_out(self) -> None:
        """Everywhere."""
        await self.done("DELETE", f"{ALICE}/devices")

        self.assertEqual(401, (await self.alice.get(f"{V3}/devices")).status)
        self.assertEqual(0, (await self.done("GET", f"{ALICE}/devices"))["total"])

    async def test_nothing_yet(self) -> None:
        """No rooms, no pushers."""
        for path in ("rooms", "pushers"):
            self.assertEqual({"items": [], "total": 0}, await self.done("GET", f"{ALICE}/{path}"))
        self.assertEqual({"limits": {}}, await self.done("GET", f"{ALICE}/limits"))

    async def test_acting_for_a_user(self) -> None:
        """The token speaks for the user, until it is over."""
        token = await self.done("POST", f"{ALICE}/token", {"seconds": 60})
        acting = Client(self.site, token["access_token"])
        before = await acting.get(f"{V3}/devices")
        self.accounts.clock.advance(61)
        after = await acting.get(f"{V3}/devices")

        self.assertEqual((200, 401), (before.status, after.status))
        for seconds in (0, -1, 86_401):
            self.assertEqual(400, (await self.ask("POST", f"{ALICE}/token", {"seconds": seconds})).status)

    async def test_an_account_ends_and_goes_on(self) -> None:
        """As an administrator says: until then, so much longer, or for ever; what is unclear is refused."""
        path, soon = f"{ALICE}/validity", START_SECONDS * 1000 + 60_000
        self.assertEqual({"user_id": user("alice"), "renewable": False}, await self.done("GET", path))
        await self.done("PUT", path, {"expires_ms": soon})
        self.assertEqual(200, (await self.alice.get(f"{V3}/devices")).status)
        self.accounts.clock.advance(60)
        ended = await self.alice.get(f"{V3}/devices")
        self.assertEqual((401, "M_USER_LOCKED", True), (ended.status, ended.errcode, ended.json["soft_logout"]))
        self.assertIn("has ended", ended.json["error"])
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "alice"}, "password": PASSWORD}
        self.assertEqual("M_USER_LOCKED", (await self.alice.signed_in(None).post(f"{V3}/login", body)).errcode)
        longer = await self.done("PUT", path, {"extend_days": 1})
        self.assertEqual(soon + 86_400_000, longer["expires_ms"])
        self.assertEqual(soon + 2 * 86_400_000, (await self.done("PUT", path, {"extend_days": 1}))["expires_ms"])
        self.assertEqual(200, (await self.alice.get(f"{V3}/devices")).status)
        self.assertNotIn("expires_ms", await self.done("PUT", path, {"never": True}))
        # Administrators are not locked out.
        await self.done("PUT", f"/users/{user('root')}/validity", {"expires_ms": 0})
        bad: list[dict[str, Any]] = [{}, {"never": True, "expires_ms": 1}, {"expires_ms": -1}, {"extend_days": 1e9}]
        for change in (*bad, {"never": True, "renewable": True}, {"expires_ms": "x"}):
            self.assertEqual(400, (await self.ask("PUT", path, change)).status)
        self.assertEqual(404, (await self.ask("PUT", f"/users/{user('nobody')}/validity", {"never": True})).status)

    async def test_acting_ends_with_a_logout(self) -> None:
        """Of that token alone: the user stays logged in, and so does whoever else acts for them."""
        acting, other = [
            Client(self.site, (await self.done("POST", f"{ALICE}/token", {}))["access_token"]) for _ in range(2)
        ]
        self.assertEqual(200, (await acting.post(f"{V3}/logout", {})).status)
        statuses = [(await client.get(f"{V3}/devices")).status for client in (acting, other, self.alice)]

        self.assertEqual([401, 200, 200], statuses)

    async def test_acting_leaves_nothing_behind(self) -> None:
        """Tokens that are over go when there is another."""
        for _ in range(3):
            await self.done("POST", f"{ALICE}/token", {"seconds": 60})
            self.accounts.clock.advance(61)
        stored = await self.database.read(lambda tx: tx.execute(select(access_tokens.c.device_id)).scalars().all())

        self.assertEqual(1, list(stored).count(None))


@each_database
class LimitTests(AdministrationCase):
    """Rate limits of single accounts."""

    limits = RateLimitSettings(other=RateSettings(0.001, 1), registration=RateSettings(100, 1000))

    async def taken(self, client: Client, times: int) -> list[int]:
        return [
            (await client.put(f"{V3}/profile/{user('alice')}/displayname", {"displayname": "A"})).status
            for _ in range(times)
        ]

    async def test_an_own_limit_takes_the_place_of_everybodys(self) -> None:
        """From the next request on, higher or none at all; and goes away again."""
        self.assertEqual([200, 429], await self.taken(self.alice, 2))
        await self.done("PUT", f"{ALICE}/limits", {"limits": {"other": None}})
        self.assertEqual([200] * 5, await self.taken(self.alice, 5))
        shown = await self.done("PUT", f"{ALICE}/limits", {"limits": {"other": {"per_second": 0.001, "burst": 3}}})
        self.assertEqual({"limits": {"other": {"per_second": 0.001, "burst": 3}}}, shown)
        self.assertTrue((await self.done("GET", ALICE))["has_own_limits"])
        self.accounts.clock.advance(5_000)
        self.assertEqual([200, 200, 200, 429], await self.taken(self.alice, 4))
        await self.done("DELETE", f"{ALICE}/limits")

        self.assertEqual([429], await self.taken(self.alice, 1))
        self.assertFalse((await self.done("GET", ALICE))["has_own_limits"])

    async def test_limits_that_are_none(self) -> None:
        """Kinds that there are not, and numbers that mean nothing."""
        bad: tuple[dict[str, Any], ...] = (
            {"sleeping": None},
            {"login": None},
            {"send": 3},
            {"send": {}},
            {"send": {"per_second": 0, "burst": 1}},
            {"send": {"per_second": True, "burst": 1}},
            {"send": {"per_second": 1, "burst": 0}},
            {"send": {"per_second": 1, "burst": 1.5}},
            {"send": {"per_second": 1e300, "burst": 1}},
        )
        for limits in bad:
            with self.subTest(limits=limits):
                self.assertEqual(400, (await self.ask("PUT", f"{ALICE}/limits", {"limits": limits})).status)
