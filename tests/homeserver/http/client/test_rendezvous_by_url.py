"""Two devices meet at a URL, of which one is not logged in."""

from itertools import count

from twisted.internet.task import Clock

from homeserver.http.client.rendezvous_by_url import PATH, RendezvousByURLEndpoints
from homeserver.services.rendezvous import RendezvousSettings
from homeserver.services.rendezvous_by_url import Places
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase, each_database

TEXT = {"Content-Type": "text/plain"}
ORIGIN = "https://folkmoot.example"


@each_database
class MeetingTests(DatabaseCase):
    """Nobody is logged in."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        numbers = count(1)
        settings = RendezvousSettings(lifetime_seconds=120, open_max=3)
        places = Places(self.database, self.clock, settings, lambda: f"id{next(numbers)}")
        self.client = Client(a_site(RendezvousByURLEndpoints(places, ORIGIN)))

    async def opened(self, payload: bytes = b"hello") -> tuple[str, str]:
        """The path of a new place, and its tag."""
        response = await self.client.request("POST", PATH, payload, headers=TEXT)
        self.assertEqual(201, response.status, response.body)
        self.assertEqual("application/json", response.headers["content-type"])
        return response.json["url"].removeprefix(ORIGIN), response.headers["etag"]

    async def say(self, path: str, tag: str, payload: bytes) -> Response:
        return await self.client.request("PUT", path, payload, headers={**TEXT, "If-Match": tag})

    async def look(self, path: str, seen: str | None = None) -> Response:
        return await self.client.request("GET", path, headers={} if seen is None else {"If-None-Match": seen})

    def assert_refused(self, status: int, errcode: str, response: Response) -> None:
        self.assertEqual((status, errcode), (response.status, response.errcode))

    async def test_two_talk(self) -> None:
        """Each is told of what it has not seen, and replaces it, byte for byte."""
        path, first = await self.opened()
        self.assertRegex(path, f"^{PATH}/[^/]+$")
        seen = await self.look(path)
        self.assertEqual((200, b"hello", "text/plain"), (seen.status, seen.body, seen.headers["content-type"]))
        self.assertEqual(first, seen.headers["etag"])
        nothing_new = await self.look(path, first)
        self.assertEqual((304, b"", first), (nothing_new.status, nothing_new.body, nothing_new.headers["etag"]))
        self.assertEqual(304, (await self.look(path, f'"other", W/{first}')).status)
        self.clock.advance(10)
        said = await self.say(path, first, b"\x00\xff")
        self.assertEqual(202, said.status)
        news = await self.look(path, first)
        self.assertEqual((200, b"\x00\xff"), (news.status, news.body))

        for response in (said, news):
            self.assertNotEqual(first, response.headers["etag"])
            self.assertEqual(said.headers["etag"], response.headers["etag"])
            self.assertEqual("Tue, 14 Nov 2023 22:15:20 GMT", response.headers["expires"])
            self.assertEqual("Tue, 14 Nov 2023 22:13:30 GMT", response.headers["last-modified"])
            self.assertEqual("no-store", response.headers["cache-control"])
            self.assertEqual("no-cache", response.headers["pragma"])
            self.assertEqual("ETag", response.headers["access-control-expose-headers"])
        self.assertEqual(204, (await self.client.delete(path)).status)
        for gone in (self.look(path), self.look(path, first), self.client.delete(path), self.say(path, first, b"x")):
            self.assert_refused(404, "M_NOT_FOUND", await gone)

    async def test_nobody_talks_over_another(self) -> None:
        """Who has not seen the last payload is told so; the same said twice is another one."""
        path, first = await self.opened()
        second = (await self.say(path, first, b"hello")).headers["etag"]
        late = await self.say(path, first, b"me too")

        self.assertNotEqual(first, second)
        self.assert_refused(412, "M_UNKNOWN", late)
        self.assertEqual("M_CONCURRENT_WRITE", late.json["org.matrix.msc4108.errcode"])
        self.assertEqual(second, late.headers["etag"])
        self.assertEqual(b"hello", (await self.look(path)).body)

    async def test_it_expires(self) -> None:
        """When it was said to, whatever was said meanwhile."""
        path, tag = await self.opened()
        self.clock.advance(119)
        tag = (await self.say(path, tag, b"still here")).headers["etag"]
        self.clock.advance(1)

        self.assert_refused(404, "M_NOT_FOUND", await self.look(path, tag))
        self.assert_refused(404, "M_NOT_FOUND", await self.say(path, tag, b"x"))

    async def test_there_is_only_so_much(self) -> None:
        """Of bytes in one, and of places at once."""
        path, tag = await self.opened(b"x" * 4096)
        self.assert_refused(413, "M_TOO_LARGE", await self.say(path, tag, b"x" * 4097))
        self.assert_refused(413, "M_TOO_LARGE", await self.client.request("POST", PATH, b"x" * 4097, headers=TEXT))
        await self.opened()
        await self.opened()
        self.assert_refused(429, "M_LIMIT_EXCEEDED", await self.client.request("POST", PATH, b"x", headers=TEXT))

    async def test_headers_that_are_not_what_they_should_be(self) -> None:
        """Nothing is opened or said."""
        path, tag = await self.opened()
        self.assert_refused(400, "M_MISSING_PARAM", await self.client.request("POST", PATH, b"x"))
        html = {"Content-Type": "text/html"}
        self.assert_refused(400, "M_INVALID_PARAM", await self.client.request("POST", PATH, b"x", headers=html))
        self.assert_refused(400, "M_MISSING_PARAM", await self.client.request("PUT", path, b"x", headers=TEXT))
        for bad in ("*", f"W/{tag}", f'{tag}, "b"', tag.strip('"'), "", '"é"'):
            with self.subTest(tag=bad):
                self.assert_refused(400, "M_INVALID_PARAM", await self.say(path, bad, b"x"))
        self.assertEqual(b"hello", (await self.look(path)).body)
        charset = {"Content-Type": "Text/Plain;charset=UTF-8", "If-Match": tag}
        self.assertEqual(202, (await self.client.request("PUT", path, b"x", headers=charset)).status)

    async def test_browsers_are_let_in(self) -> None:
        """A page may name the tags that it has seen."""
        path, _ = await self.opened()
        for method in ("GET", "PUT", "DELETE"):
            headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "if-match"}
            response = await self.client.request("OPTIONS", path, headers=headers)

            # On a line of its own, after those that may be sent everywhere.
            self.assertEqual("If-Match, If-None-Match", response.headers["access-control-allow-headers"])
            self.assertEqual(204, response.status)
