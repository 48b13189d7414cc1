"""Two devices meet, of which one is not logged in."""

from itertools import count
from typing import Any

from twisted.internet.task import Clock

from homeserver.http.client.rendezvous import RendezvousEndpoints
from homeserver.services.rendezvous import Meetings, RendezvousSettings
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase, each_database

V1 = "/_matrix/client/v1/rendezvous"
UNSTABLE = "/_matrix/client/unstable/io.element.msc4388/rendezvous"


class RendezvousCase(DatabaseCase):
    """@alice is logged in; the stranger is not."""

    policy = RendezvousSettings(lifetime_seconds=120, open_max=3)

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        numbers = count(1)
        meetings = Meetings(self.database, self.clock, self.policy, lambda: f"id{next(numbers)}")
        self.stranger = Client(a_site(RendezvousEndpoints(meetings)))
        self.alice = self.stranger.signed_in("alice")

    async def opened(self, data: str = "hello", path: str = V1) -> Any:
        """A new rendezvous."""
        response = await self.alice.post(path, {"data": data})
        self.assertEqual(200, response.status, response.body)
        return response.json

    def assert_refused(self, status: int, errcode: str, response: Response) -> None:
        self.assertEqual((status, errcode), (response.status, response.errcode))


@each_database
class MeetingTests(RendezvousCase):
    async def test_two_talk(self) -> None:
        """Each replaces what the other said, whoever they are."""
        for path in (V1, UNSTABLE):
            new = await self.opened(path=path)
            here = f"{path}/{new['id']}"
            first = await self.stranger.get(here)
            answered = await self.stranger.put(here, {"sequence_token": new["sequence_token"], "data": "hi"})
            second = (await self.alice.get(here)).json
            ended = await self.stranger.delete(here)

            self.assertEqual({"data": "hello", "sequence_token": new["sequence_token"], "expires_in_ms": 120_000},
                             first.json)  # fmt: skip
            self.assertEqual("no-store", first.headers["cache-control"])
            self.assertEqual("hi", second["data"])
            self.assertEqual(answered.json["sequence_token"], second["sequence_token"])
            self.assertNotEqual(new["sequence_token"], second["sequence_token"])
            self.assertEqual({}, ended.json)
            for gone in (self.alice.get(here), self.alice.delete(here)):
                self.assert_refused(404, "M_NOT_FOUND", await gone)
            again = await self.alice.put(here, {"sequence_token": second["sequence_token"], "data": "x"})
            self.assert_refused(404, "M_NOT_FOUND", again)

    async def test_nobody_talks_over_another(self) -> None:
        """Who has not seen the last payload is told so; who repeats it is told that it is there."""
        for path, errcode in ((V1, "M_CONCURRENT_WRITE"), (UNSTABLE, "IO_ELEMENT_MSC4388_CONCURRENT_WRITE")):
            new = await self.opened(path=path)
            here, old = f"{path}/{new['id']}", new["sequence_token"]
            said = await self.stranger.put(here, {"sequence_token": old, "data": "hi"})
            late = await self.alice.put(here, {"sequence_token": old, "data": "me too"})
            repeated = await self.stranger.put(here, {"sequence_token": old, "data": "hi"})
            same = await self.stranger.put(here, {"sequence_token": said.json["sequence_token"], "data": "hi"})

            self.assert_refused(409, errcode, late)
            self.assertEqual(said.json, repeated.json)
            # A write that succeeds is another one, though it says the same.
            self.assertNotEqual(said.json, same.json)
            self.assertEqual("hi", (await self.alice.get(here)).json["data"])
            await self.alice.delete(here)

    async def test_it_expires(self) -> None:
        """When it was said to."""
        new = await self.opened()
        self.clock.advance(119.999)
        self.assertEqual(1, (await self.stranger.get(f"{V1}/{new['id']}")).json["expires_in_ms"])
        self.clock.advance(0.001)

        self.assert_refused(404, "M_NOT_FOUND", await self.stranger.get(f"{V1}/{new['id']}"))
        put = await self.stranger.put(f"{V1}/{new['id']}", {"sequence_token": new["sequence_token"], "data": "x"})
        self.assert_refused(404, "M_NOT_FOUND", put)

    async def test_payloads_are_small(self) -> None:
        """By their bytes."""
        new = await self.opened("é" * 2048)
        self.assert_refused(413, "M_TOO_LARGE", await self.alice.post(V1, {"data": "é" * 2048 + "x"}))
        body = {"sequence_token": new["sequence_token"], "data": "x" * 4097}
        self.assert_refused(413, "M_TOO_LARGE", await self.alice.put(f"{V1}/{new['id']}", body))

    async def test_there_are_only_so_many(self) -> None:
        """Until one is over or expires; the refusal says when."""
        all_of_them = [await self.opened() for _ in range(3)]
        self.clock.advance(20)
        refused = await self.alice.post(V1, {"data": "x"})
        self.assert_refused(429, "M_LIMIT_EXCEEDED", refused)
        self.assertEqual("100", refused.headers["retry-after"])
        await self.stranger.delete(f"{V1}/{all_of_them[0]['id']}")
        await self.opened()
        self.clock.advance(100)
        for _ in range(2):
            await self.opened()

    async def test_bad_bodies_are_refused(self) -> None:
        """With what is wrong."""
        bad: list[Any] = [{}, {"data": 5}, {"data": None}, []]
        for body in bad:
            self.assertEqual(400, (await self.alice.post(V1, body)).status)
        new = await self.opened()
        worse: list[Any] = [{"data": "x"}, {"sequence_token": "x"}, {"sequence_token": 1, "data": "x"}]
        for body in worse:
            self.assertEqual(400, (await self.alice.put(f"{V1}/{new['id']}", body)).status)

    async def test_browsers_do_not_show_it(self) -> None:
        """A link to it is of no use to whoever wants to show something to others."""
        new = await self.opened()
        for name, value in (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")):
            response = await self.stranger.request("GET", f"{V1}/{new['id']}", headers={name: value})
            self.assert_refused(403, "M_FORBIDDEN", response)
        fetched = await self.stranger.request("GET", f"{V1}/{new['id']}", headers={"Sec-Fetch-Mode": "cors"})

        self.assertEqual(200, fetched.status)


class PolicyTests(RendezvousCase):
    async def test_users_open_it_and_strangers_do_not(self) -> None:
        """Unless the settings say otherwise; everybody may ask."""
        self.assert_refused(403, "M_FORBIDDEN", await self.stranger.post(V1, {"data": "x"}))

        for path in (V1, UNSTABLE):
            self.assertEqual({"create_available": True}, (await self.alice.get(path)).json)
            self.assertEqual({"create_available": False}, (await self.stranger.get(path)).json)


class OpenPolicyTests(RendezvousCase):
    policy = RendezvousSettings("everybody")

    async def test_strangers_may_where_everybody_may(self) -> None:
        """For new devices that show the code."""
        self.assertEqual({"create_available": True}, (await self.stranger.get(V1)).json)
        self.assertEqual(300_000, (await self.stranger.post(V1, {"data": "x"})).json["expires_in_ms"])
