"""Registration tokens, reports, notices, statistics, and the record of who did what."""

from typing import Any

from homeserver.core.identifiers import EventID, RoomID
from homeserver.http.admin.audit import HIDDEN
from homeserver.services.administration.actions import AdministrationSettings, forget_actions
from homeserver.services.clock import now_ms
from homeserver.store import admin_actions, reports
from homeserver.store.reports import Report
from tests.administration import AdministrationCase, user
from tests.databases import each_database
from tests.waiting import until

TOKENS = "/registration_tokens"


class TokenTests(AdministrationCase):
    """Registration tokens."""

    async def test_a_life(self) -> None:
        """Made, shown, listed, changed, gone."""
        made = await self.done("POST", TOKENS, {"token": "tea-party", "uses_allowed": 2})
        self.assertEqual({"token": "tea-party", "uses": 0, "valid": True, "uses_allowed": 2}, made)
        expired = await self.done("PUT", f"{TOKENS}/tea-party", {"uses_allowed": -1, "expires_ms": 1})
        self.assertEqual({"token": "tea-party", "uses": 0, "valid": False, "expires_ms": 1}, expired)
        good = await self.done("POST", TOKENS, {})
        self.assertRegex(good["token"], r"[a-z0-9]{16}\Z")
        self.assertEqual([good], (await self.done("GET", TOKENS, valid=True))["items"])
        self.assertEqual([expired], (await self.done("GET", TOKENS, valid=False))["items"])
        forever = await self.done("PUT", f"{TOKENS}/tea-party", {"expires_ms": -1})
        self.assertEqual(forever, await self.done("GET", f"{TOKENS}/tea-party"))
        await self.done("DELETE", f"{TOKENS}/tea-party")

        self.assertEqual(1, (await self.done("GET", TOKENS))["total"])
        for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
            self.assertEqual(404, (await self.ask(method, f"{TOKENS}/tea-party", body)).status)

    async def test_what_is_none(self) -> None:
        """Texts that are no tokens, one that is there already, numbers below zero."""
        await self.done("POST", TOKENS, {"token": "x"})
        for body in ({"token": "a b"}, {"token": "x" * 65}, {"token": "x"}, {"uses_allowed": -2}, {"expires_ms": -5}):
            with self.subTest(body=body):
                self.assertEqual(400, (await self.ask("POST", TOKENS, body)).status)


@each_database
class ReportTests(AdministrationCase):
    """Reports."""

    async def report(self, kind: str, subject: str, room_id: str | None = None) -> None:
        room = None if room_id is None else RoomID(room_id)
        await self.database.write(reports.insert, Report(user("alice"), kind, subject, room, "bad", None, 7))

    async def test_they_are_paged_shown_and_done_with(self) -> None:
        """The newest first."""
        for number in range(5):
            await self.report("user", f"@{number}:x")
        await self.report("event", EventID("$gone"), "!r:x")
        first = await self.done("GET", "/reports", limit=4)
        rest = await self.done("GET", "/reports", limit=4, **{"from": first["next_token"]})
        found = [each["subject"] for each in first["items"] + rest["items"]]
        self.assertEqual(["$gone", "@4:x", "@3:x", "@2:x", "@1:x", "@0:x"], found)
        self.assertEqual((6, 6), (first["total"], rest["total"]))
        self.assertNotIn("next_token", rest)
        (event,) = (await self.done("GET", "/reports", kind="event", room_id="!r:x"))["items"]
        details = await self.done("GET", f"/reports/{event['number']}")
        self.assertEqual({"report": event}, details)
        await self.done("DELETE", f"/reports/{event['number']}")

        self.assertEqual(404, (await self.ask("GET", f"/reports/{event['number']}")).status)
        self.assertEqual(404, (await self.ask("DELETE", f"/reports/{event['number']}")).status)
        self.assertEqual(0, (await self.done("GET", "/reports", reporter=user("bob")))["total"])
        self.assertEqual(400, (await self.ask("GET", "/reports/first")).status)


@each_database
class ServerTests(AdministrationCase):
    """The server as a whole."""

    async def test_statistics(self) -> None:
        """Everything is counted, and the database has a size."""
        await self.alice.get("/_matrix/client/v3/devices")
        await self.accounts.last_seen.flush()
        counts = await self.done("GET", "/statistics")

        self.assertEqual((3, 1, 0), tuple(counts["users"][name] for name in ("total", "admins", "locked")))
        # Nobody else has asked for anything until then.
        self.assertEqual((1, 1), (counts["active_last_day"], counts["active_last_month"]))
        self.assertEqual((3, 0, 0), (counts["devices"], counts["rooms"], counts["events"]))
        self.assertGreater(counts["database_bytes"], 4096)
        self.assertEqual("localhost", (await self.done("GET", "/version"))["server_name"])

    async def test_notices(self) -> None:
        """To one, and to everybody who can be told; what is no message is refused."""
        await self.client_of("deaf")
        await self.done("POST", f"/notices/users/{user('alice')}", {"body": "hello"})
        notice = {"msgtype": "m.server_notice", "server_notice_type": "org.folkmoot.notice", "body": "hello"}
        self.assertEqual([(user("alice"), notice)], self.notices.sent)
        self.notices.sent.clear()
        content = {"msgtype": "m.notice", "body": "all", "formatted_body": "<b>all</b>"}
        self.assertEqual(404, (await self.ask("GET", "/notices")).status)
        job = await self.done("POST", "/notices", {"content": content})
        again = await self.done("POST", "/notices", {"content": content})
        self.assertEqual((job["job_id"], "queued", user("root")), (again["job_id"], again["state"], job["created_by"]))
        # One notice at a time.
        self.assertEqual(400, (await self.ask("POST", "/notices", {"body": "another"})).status)
        await self.jobs.start()

        async def ended() -> Any:
            told = await self.done("GET", "/notices")
            return told if told["state"] not in {"queued", "running"} else None

        told = await until(ended, "everybody is told", clock=self.accounts.clock, step=0.1)
        await self.jobs.stop()

        self.assertEqual(("done", 4, 4), (told["state"], told["done"], told["total"]))
        self.assertEqual({"sent": 3, "failed": 1}, told["result"])
        self.assertEqual([(user(name), content) for name in ("alice", "bob", "root")], self.notices.sent)
        self.assertEqual(404, (await self.ask("POST", f"/notices/users/{user('deaf')}", {"body": "?"})).status)
        bad: tuple[dict[str, Any], ...] = (
            {},
            {"body": "a", "content": content},
            {"content": {}},
            {"content": {"msgtype": 1, "body": "x"}},
        )
        for body in bad:
            self.assertEqual(400, (await self.ask("POST", "/notices", body)).status)


@each_database
class ActionTests(AdministrationCase):
    """Who did what to whom."""

    async def test_what_is_changed_is_written_down(self) -> None:
        """With what was asked for, but no secrets; what was refused, too; reading is not."""
        await self.done("GET", "/users")
        await self.done("PUT", f"/users/{user('alice')}/password", {"password": "top secret", "logout_devices": False})
        await self.ask("PUT", f"/users/{user('root')}/lock", {"locked": True})
        await self.ask("POST", "/users", b"{")
        await self.done("POST", "/users", {"username": "dora"})
        await self.root.put(f"/_matrix/client/v1/admin/lock/{user('bob')}", {"locked": True})
        items = (await self.done("GET", "/actions"))["items"]

        self.assertEqual(
            [
                ("setAdminLockUser", user("bob")),
                ("createUser", user("dora")),
                ("createUser", ""),
                ("lockUser", user("root")),
                ("setPassword", user("alice")),
            ],
            [(item["operation"], item["subject"]) for item in items],
        )
        self.assertEqual({user("root")}, {item["admin"] for item in items})
        self.assertNotIn("top secret", str(items))
        self.assertEqual(f'{{"body":{{"password":"{HIDDEN}","logout_devices":false}}}}', items[4]["details"])
        self.assertEqual([False, False, True, True, False], [bool(item["refusal"]) for item in items])
        self.assertEqual("192.0.2.1", items[0]["address"])

    async def test_the_record_is_searched_and_paged(self) -> None:
        """By who, and by whom."""
        for locked in (True, False, True):
            await self.done("PUT", f"/users/{user('bob')}/lock", {"locked": locked})
        await self.done("PUT", f"/users/{user('alice')}/suspension", {"suspended": True})
        first = await self.done("GET", "/actions", subject=user("bob"), limit=2)
        rest = await self.done("GET", "/actions", subject=user("bob"), limit=2, **{"from": first["next_token"]})

        self.assertEqual([3, 2, 1], [first["total"], len(first["items"]), len(rest["items"])])
        self.assertEqual(0, (await self.done("GET", "/actions", admin=user("alice")))["total"])
        self.assertEqual(4, (await self.done("GET", "/actions", admin=user("root")))["total"])

    async def test_it_is_forgotten_after_a_while(self) -> None:
        """As long as the settings say."""
        await self.done("PUT", f"/users/{user('bob')}/lock", {"locked": True})
        chore = forget_actions(AdministrationSettings(actions_kept_days=1))
        now = now_ms(self.accounts.clock)
        await self.database.write(chore, now + 86_400_000)
        self.assertEqual(1, await self.database.read(admin_actions.count, "", ""))
        await self.database.write(chore, now + 86_400_001)

        self.assertEqual(0, await self.database.read(admin_actions.count, "", ""))
