"""Requests are answered: what is good, what is bad, what waits, and what is stopped."""

from io import BytesIO
from typing import Any

import structlog.testing
from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.http import errors
from homeserver.http.authentication import token_authenticators
from homeserver.http.edge import Edge
from homeserver.http.incoming import Incoming, Upload
from homeserver.http.limits import RequestLimits
from homeserver.http.operation import operation
from homeserver.http.replies import Content, Empty
from homeserver.http.request import EdgeSite
from homeserver.http.routes import Router
from homeserver.http.settings import HTTPSettings
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.rate_limits import RateLimitSettings, RateSettings
from homeserver.services.refusals import NotInRoom
from tests.client import Client, Tokens, a_site

SEND = "/_matrix/client/v3/rooms/!r:x/send/m.room.message/1"


class NotWired(Exception):
    """Something that is broken here."""


@define(eq=False)
class Endpoints:
    """A few operations, with what they were asked."""

    seen: list[Any] = field(factory=list)
    gate: "Deferred[None]" = field(factory=Deferred)

    @operation("getTokenOwner")
    async def whoami(self, caller: Caller, info: RequestInfo) -> JSONObject:
        self.seen.append(info)
        return {"user_id": caller.user_id}

    @operation("sendMessage")
    async def send(self, caller: Caller, room_id: RoomID, event_type: str, txn_id: str, body: JSONObject) -> JSONObject:
        if "wait" in body:
            await self.gate
        if "forbidden" in body:
            raise NotInRoom
        if "broken" in body:
            raise NotWired("a secret")
        self.seen.append(body)
        return {"event_id": "$e"}

    @operation("sync", long_poll=True)
    async def sync(
        self,
        caller: Caller,
        filter_: str | None,
        since: str | None,
        set_presence: str | None,
        full_state: bool = False,
        timeout: int = 0,
        use_state_after: bool = False,
    ) -> JSONObject:
        await self.gate
        return {"next_batch": "1"}

    @operation("uploadContent")
    async def upload(self, caller: Caller, body: Upload, filename: str | None) -> JSONObject:
        self.seen.append(body)
        return {"content_uri": "mxc://x/y"}

    @operation("getContentAuthed")
    async def download(self, caller: Caller, server_name: str, media_id: str, timeout_ms: int = 0) -> Content:
        file = BytesIO(b"file" * 50_000)
        self.seen.append(file)
        return Content("image/png", (b"head", file), 200_004)

    @operation("getJoinedRooms")
    async def joined_rooms(self, incoming: Incoming) -> Empty:
        return Empty()


class AnswersTests(TestCase):
    def setUp(self) -> None:
        self.endpoints = Endpoints()
        self.site = a_site(self.endpoints, settings=HTTPSettings(body_bytes_max=100_000, upload_bytes_max=200_000))
        self.client = Client(self.site, "alice")

    async def test_a_good_request(self) -> None:
        """Who asks, and from where, reaches the endpoint."""
        response = await self.client.request("GET", "/_matrix/client/v3/account/whoami", headers={"User-Agent": "T/1"})

        self.assertEqual((200, {"user_id": "@alice:localhost"}), (response.status, response.json))
        self.assertEqual([RequestInfo("192.0.2.1", "T/1")], self.endpoints.seen)
        self.assertTrue(response.headers["date"].endswith("GMT"))

    async def test_the_token_may_stand_in_the_query(self) -> None:
        """Deprecated, and still sent by older clients."""
        response = await self.client.signed_in(None).get("/_matrix/client/v3/account/whoami", access_token="bob")

        self.assertEqual("@bob:localhost", response.json["user_id"])

    async def test_missing_and_unknown_tokens(self) -> None:
        """Each has its code; a proxy's own scheme is none."""
        path = "/_matrix/client/v3/account/whoami"
        missing = await self.client.signed_in(None).get(path)
        unknown = await self.client.signed_in("unknown").get(path)
        basic = await self.client.signed_in(None).request("GET", path, headers={"Authorization": "Basic YTpi"})

        self.assertEqual((401, "M_MISSING_TOKEN"), (missing.status, missing.errcode))
        self.assertEqual((401, "M_UNKNOWN_TOKEN"), (unknown.status, unknown.errcode))
        self.assertEqual((401, "M_MISSING_TOKEN"), (basic.status, basic.errcode))

    async def test_guests_may_do_what_the_spec_lists(self) -> None:
        """Spec: client-server-api#guest-access"""
        guest = Caller(UserID("@1:localhost"), None, is_guest=True)
        site = a_site(Endpoints(), authenticators=token_authenticators(Tokens({"guest": guest})))
        client = Client(site, "guest")

        self.assertEqual(200, (await client.put(SEND, {})).status)
        upload = await client.request("POST", "/_matrix/media/v3/upload", b"x")
        self.assertEqual((403, "M_GUEST_ACCESS_FORBIDDEN"), (upload.status, upload.errcode))

    async def test_refusals_are_answered_as_the_table_says(self) -> None:
        """With status and code."""
        response = await self.client.put(SEND, {"forbidden": 1})

        self.assertEqual((403, "M_FORBIDDEN"), (response.status, response.errcode))

    async def test_our_own_mistakes_are_logged_and_not_told(self) -> None:
        """The client learns nothing of what went wrong."""
        with structlog.testing.capture_logs() as logs:
            response = await self.client.put(SEND, {"broken": 1})

        self.assertEqual((500, "M_UNKNOWN"), (response.status, response.errcode))
        self.assertNotIn(b"secret", response.body)
        self.assertEqual(["a request failed"], [line["event"] for line in logs if line["log_level"] == "error"])

    async def test_a_failure_that_everybody_shares_has_its_own_answer(self) -> None:
        """A database that is down is no mistake of the code."""
        clock = Clock()
        edge = Edge(
            Router([Endpoints()]),
            token_authenticators(Tokens()),
            RequestLimits(clock.seconds, RateLimitSettings(enabled=False)),
            {NotWired: errors.BUSY},
        )
        with structlog.testing.capture_logs():
            response = await Client(EdgeSite(edge, HTTPSettings(), clock), "alice").put(SEND, {"broken": 1})

        self.assertEqual(503, response.status)

    async def test_what_authenticates_must_be_there(self) -> None:
        """A server that cannot tell who asks does not start."""
        with self.assertRaises(ValueError):
            Edge(Router([Endpoints()]), {}, RequestLimits(Clock().seconds, RateLimitSettings()))

    async def test_unknown_paths_and_methods(self) -> None:
        """Both are unrecognized; the second says what there is."""
        unknown = await self.client.get("/_matrix/client/v3/nothing")
        wrong = await self.client.post("/_matrix/client/v3/account/whoami", {})

        self.assertEqual((404, "M_UNRECOGNIZED"), (unknown.status, unknown.errcode))
        self.assertEqual((405, "M_UNRECOGNIZED"), (wrong.status, wrong.errcode))
        self.assertEqual("GET, HEAD", wrong.headers["allow"])

    async def test_preflights_run_nothing(self) -> None:
        """Spec: client-server-api#web-browser-clients"""
        response = await self.client.signed_in(None).request("OPTIONS", SEND)

        self.assertEqual(204, response.status)
        self.assertEqual(
            "X-Requested-With, Content-Type, Authorization", response.headers["access-control-allow-headers"]
        )

    async def test_head_has_headers_only(self) -> None:
        """The length is that of the body that GET has."""
        response = await self.client.request("HEAD", "/_matrix/client/v3/account/whoami")

        self.assertEqual((200, b""), (response.status, response.body))
        self.assertEqual(str(len(b'{"user_id":"@alice:localhost"}')), response.headers["content-length"])

    async def test_bodies_that_are_not_what_they_should_be(self) -> None:
        """Nothing reaches the endpoint."""
        for body, code in (
            (b"{", "M_NOT_JSON"),
            (b"\xff", "M_NOT_JSON"),
            (b'"\\ud800"', "M_NOT_JSON"),
            (b"[]", "M_BAD_JSON"),
            (b"[" * 5000 + b"]" * 5000, "M_NOT_JSON"),
            (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "M_BAD_JSON"),
        ):
            with self.subTest(body=body[:20]):
                response = await self.client.put(SEND, body)

                self.assertEqual((400, code), (response.status, response.errcode))
        self.assertEqual([], self.endpoints.seen)

    async def test_bad_queries(self) -> None:
        """Not UTF-8, or too many parameters."""
        for query in ("?timeout=%ff", "?timeout=x", "?full_state=1", "?" + "a&" * 300):
            with self.subTest(query=query[:20]):
                response = await self.client.get("/_matrix/client/v3/sync" + query)

                self.assertEqual((400, "M_INVALID_PARAM"), (response.status, response.errcode))

    async def test_paths_that_are_too_long(self) -> None:
        """A query may hold a filter of many rooms; what no filter needs is refused in so many words."""
        path = "/_matrix/client/v3/account/whoami?filter="
        long = await self.client.get(path + "x" * 200_000)
        longer = self.client.talk(f"GET {path}{'x' * 300_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

        self.assertEqual(200, long.status)
        self.assertTrue(longer.startswith(b"HTTP/1.1 414"))
        self.assertIn(b'"errcode":"M_TOO_LARGE"', longer)

    async def test_bodies_that_are_too_large(self) -> None:
        """Whether they say so beforehand or not."""
        announced = await self.client.put(SEND, b'"' + b"x" * 100_000 + b'"')
        chunks = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        chunked = self.client.talk(
            f"PUT {SEND} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            + chunks * 4
            + b"0\r\n\r\n"
        )

        self.assertEqual((413, "M_TOO_LARGE"), (announced.status, announced.errcode))
        self.assertTrue(chunked.startswith(b"HTTP/1.1 413"))

    async def test_forms_are_not_parsed(self) -> None:
        """A form is a body that is not JSON, whatever it calls itself."""
        response = await self.client.request(
            "PUT", SEND, b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}
        )

        self.assertEqual((400, "M_NOT_JSON"), (response.status, response.errcode))

    async def test_uploads_have_a_limit_of_their_own_and_outlive_the_request(self) -> None:
        """The file is the endpoint's to close."""
        response = await self.client.request(
            "POST", "/_matrix/media/v3/upload", b"x" * 150_000, headers={"Content-Type": "image/png"}
        )
        too_large = await self.client.request("POST", "/_matrix/media/v3/upload", b"x" * 200_001)

        self.assertEqual(200, response.status)
        (upload,) = self.endpoints.seen
        self.assertEqual((150_000, "image/png"), (upload.length, upload.type))
        self.assertEqual(b"x" * 150_000, upload.content.read())
        self.assertEqual(413, too_large.status)

    async def test_files_are_streamed_and_closed(self) -> None:
        """In parts, one after the other."""
        response = await self.client.get("/_matrix/client/v1/media/download/x/y")

        self.assertEqual(b"head" + b"file" * 50_000, response.body)
        self.assertEqual("image/png", response.headers["content-type"])
        self.assertTrue(self.endpoints.seen[0].closed)

    async def test_the_log_has_no_tokens(self) -> None:
        """The query is not written down."""
        with structlog.testing.capture_logs() as logs:
            await self.client.signed_in(None).get("/_matrix/client/v3/account/whoami", access_token="bob")

        (line,) = logs
        self.assertEqual(("/_matrix/client/v3/account/whoami", 200), (line["path"], line["status"]))
        self.assertEqual("@bob:localhost", line["speaker"])
        self.assertNotIn("access_token", str(line))


class WaitingTests(TestCase):
    def setUp(self) -> None:
        self.endpoints = Endpoints()
        self.site = a_site(self.endpoints)
        self.client = Client(self.site, "alice")

    async def test_a_long_poll_ends_when_the_client_leaves(self) -> None:
        """Nobody waits for news that nobody reads."""
        pending = self.client.start("GET", "/_matrix/client/v3/sync")
        pending.disconnect()

        self.assertIsNone(pending.response)
        self.assertTrue(self.endpoints.gate.called)

    async def test_a_write_goes_on_when_the_client_leaves(self) -> None:
        """What was begun is finished, though nobody hears of it."""
        pending = self.client.start("PUT", SEND, {"wait": 1})
        pending.disconnect()
        self.endpoints.gate.callback(None)

        self.assertEqual([{"wait": 1}], self.endpoints.seen)

    async def test_draining_answers_what_was_accepted(self) -> None:
        """Writes are finished, those that wait for news are told to ask again, and nothing new is taken."""
        write = self.client.start("PUT", SEND, {"wait": 1})
        edge = self.site.edge
        assert isinstance(edge, Edge)
        drained = Deferred.fromCoroutine(edge.drain())
        self.assertFalse(drained.called)
        late = await self.client.put(SEND, {})
        self.endpoints.gate.callback(None)
        await drained

        self.assertEqual(503, late.status)
        assert write.response is not None
        self.assertEqual(200, write.response.status)

    async def test_draining_does_not_wait_for_news(self) -> None:
        """A sync may wait for minutes."""
        sync = self.client.start("GET", "/_matrix/client/v3/sync")
        edge = self.site.edge
        assert isinstance(edge, Edge)
        await edge.drain()

        assert sync.response is not None
        self.assertEqual(503, sync.response.status)

    async def test_one_connection_carries_many_requests(self) -> None:
        """Kept alive, and answered in order."""
        request = b"GET /_matrix/client/v3/account/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
        text = self.client.talk(request % b"alice" + request % b"bob")

        self.assertEqual(2, text.count(b"HTTP/1.1 200"))
        self.assertLess(text.index(b"@alice"), text.index(b"@bob"))


class LimitsTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limits = RateLimitSettings(send=RateSettings(1.0, 2))

    def client(self, tokens: Tokens | None = None) -> Client:
        site = a_site(
            Endpoints(), limits=self.limits, clock=self.clock, authenticators=token_authenticators(tokens or Tokens())
        )
        return Client(site, "alice")

    async def test_a_caller_in_a_hurry_is_told_to_wait(self) -> None:
        """After the burst, one a second; and others are not touched."""
        client = self.client()
        statuses = [(await client.put(SEND, {})).status for _ in range(3)]
        refused = await client.put(SEND, {})
        other = await client.signed_in("bob").put(SEND, {})
        self.clock.advance(1)
        later = await client.put(SEND, {})

        self.assertEqual([200, 200, 429], statuses)
        self.assertEqual(("M_LIMIT_EXCEEDED", 1000), (refused.errcode, refused.json["retry_after_ms"]))
        self.assertEqual("1", refused.headers["retry-after"])
        self.assertEqual((200, 200), (other.status, later.status))

    async def test_some_application_services_are_not_limited(self) -> None:
        """Their registration says so."""
        bridge = Caller(UserID("@bridge:localhost"), None, appservice_id="bridge", is_rate_limited=False)
        client = self.client(Tokens({"alice": bridge}))

        self.assertEqual([200] * 5, [(await client.put(SEND, {})).status for _ in range(5)])

    async def test_limits_can_be_turned_off(self) -> None:
        """In a laboratory, say."""
        self.limits = evolve(self.limits, enabled=False)
        client = self.client()

        self.assertEqual([200] * 5, [(await client.put(SEND, {})).status for _ in range(5)])


class AddressTests(TestCase):
    async def test_a_trusted_proxy_says_who_the_client_is(self) -> None:
        """The last address in its header is the one that the proxy itself has seen; without trust it is ignored."""
        endpoints = Endpoints()
        site = a_site(endpoints)
        headers = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9"}
        await Client(site, "alice").request("GET", "/_matrix/client/v3/account/whoami", headers=headers)
        site.x_forwarded_for = True
        await Client(site, "alice").request("GET", "/_matrix/client/v3/account/whoami", headers=headers)

        self.assertEqual(["192.0.2.1", "203.0.113.9"], [info.client_ip for info in endpoints.seen])
