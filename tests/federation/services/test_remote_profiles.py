"""Profiles between servers, with fields of all kinds.  Spec: proposals/4133"""

from twisted.trial.unittest import TestCase

from homeserver.core.malformed import Malformed
from homeserver.services.callers import Caller
from homeserver.services.refusals import NotFound
from tests.federation.servers import BOB, TWO, Federation

JOB = "org.example.job"


class RemoteProfileTests(Federation, TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def test_fields_of_all_kinds_are_told(self) -> None:
        """The whole, or the one that is asked for; what is not there is not found."""
        caller = Caller(BOB, None)
        await self.two.profiles.set_field(caller, BOB, "displayname", "Bob")
        await self.two.profiles.set_field(caller, BOB, JOB, {"title": "smith", "since": 1999})
        await self.two.profiles.set_field(caller, BOB, "org.example.none", None)
        whole = await self.one.profiles.of(BOB)
        job = await self.one.profiles.field_of(BOB, JOB)
        asked = [each.target for each in self.network.asked if each.destination == TWO]

        self.assertEqual(
            {"displayname": "Bob", JOB: {"title": "smith", "since": 1999}, "org.example.none": None}, dict(whole)
        )
        self.assertEqual({"title": "smith", "since": 1999}, job)
        self.assertIn(f"field={JOB}", asked[-1])
        with self.assertRaises(NotFound):
            await self.one.profiles.field_of(BOB, "org.example.other")
        target = f"/_matrix/federation/v1/query/profile?user_id={BOB}&field=org.example.other"
        absent = await self.one.request(self.two, "GET", target)
        self.assertEqual((404, "M_NOT_FOUND"), (absent.status, absent.errcode))

    async def test_the_whole_is_bounded(self) -> None:
        """Under 64 KiB with all fields; what would make it larger is refused, and nothing of it told."""
        caller = Caller(BOB, None)
        await self.two.profiles.set_field(caller, BOB, "org.example.a", "x" * 40_000)
        with self.assertRaises(Malformed) as refused:
            await self.two.profiles.set_field(caller, BOB, "org.example.b", "x" * 30_000)

        self.assertEqual("M_PROFILE_TOO_LARGE", refused.exception.code)
        self.assertEqual(["org.example.a"], list(await self.one.profiles.of(BOB)))
