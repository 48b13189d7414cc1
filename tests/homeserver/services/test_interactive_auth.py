"""User-interactive authentication, stage by stage."""

from typing import Any

from homeserver.core import interactive_auth as uia
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.interactive_auth import Challenge, Flows, Progress
from homeserver.core.malformed import Malformed
from homeserver.services.interactive_auth import BY_PASSWORD, Request
from homeserver.services.login_failures import LoginFailureSettings
from homeserver.services.refusals import InteractiveAuthRequired, TooSoon, UnknownAddress
from homeserver.store import registration_tokens, threepids
from homeserver.store.threepids import OwnedAddress
from tests.accounts import DUMMY, INFO, Accounts, by_password
from tests.databases import DatabaseCase, each_database

ALICE = UserID("@alice:localhost")
FAILURES = LoginFailureSettings(account_per_second=1, account_burst=2)
TWO_STAGES: Flows = ((uia.REGISTRATION_TOKEN, uia.DUMMY),)


@each_database
class InteractiveAuthTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database, failures=FAILURES)
        self.auth = self.accounts.interactive_auth
        await self.accounts.register("alice")
        await self.accounts.register("bob")
        await self.database.write(registration_tokens.replace, "welcome", 1, None)

    async def challenge(self, request: Request, auth: JSON) -> Challenge:
        """What is asked for next."""
        with self.assertRaises(InteractiveAuthRequired) as refused:
            await self.auth.complete(request, auth)
        challenge: Challenge = refused.exception.challenge
        return challenge

    async def complete(self, request: Request, auth: JSON) -> Progress:
        return await self.auth.complete(request, auth)

    def by_password_of(self, user_id: UserID | None, purpose: str = "purpose") -> Request:
        return Request(purpose, BY_PASSWORD, INFO, user_id)

    async def test_nothing_passes_without_authentication(self) -> None:
        """The first request is answered with the flows and a session, and writes nothing."""
        head = self.database.head
        challenge = await self.challenge(self.by_password_of(ALICE), None)

        self.assertEqual(BY_PASSWORD, challenge.flows)
        self.assertIsNone(challenge.errcode)
        self.assertTrue(challenge.session)
        self.assertEqual(head, self.database.head)

    async def test_the_password_completes_the_flow(self) -> None:
        """With the session that was given out, and without any, as older clients do."""
        challenge = await self.challenge(self.by_password_of(ALICE), None)
        with_session = await self.complete(self.by_password_of(ALICE), by_password(session=challenge.session))
        without = await self.complete(self.by_password_of(ALICE), by_password())

        self.assertEqual(ALICE, with_session.proofs[uia.PASSWORD])
        self.assertEqual(ALICE, without.proofs[uia.PASSWORD])

    async def test_a_wrong_password_may_be_tried_again(self) -> None:
        """The flows come again with the error, in the same session."""
        first = await self.challenge(self.by_password_of(ALICE), None)
        second = await self.challenge(self.by_password_of(ALICE), by_password(password="no", session=first.session))

        self.assertEqual(("M_FORBIDDEN", first.session), (second.errcode, second.session))
        self.assertEqual((), second.completed)
        await self.complete(self.by_password_of(ALICE), by_password(session=first.session))

    async def test_another_users_password_proves_nothing(self) -> None:
        """Bob's password does not delete Alice's device."""
        challenge = await self.challenge(self.by_password_of(ALICE), by_password("bob"))

        self.assertEqual("M_FORBIDDEN", challenge.errcode)

    async def test_an_address_that_is_not_the_users_ends_the_request(self) -> None:
        """Whether it is anybody's does not show.  Spec: client-server-api#password-based"""
        await self.database.write(
            threepids.insert_new, UserID("@bob:localhost"), OwnedAddress("email", "bob@example.org", 0, 0)
        )
        for address in ("bob@example.org", "nobody@example.org"):
            identifier: JSONObject = {"type": "m.id.thirdparty", "medium": "email", "address": address}
            for user_id in (ALICE, None):
                with self.assertRaises(UnknownAddress):
                    auth: JSONObject = {"type": uia.PASSWORD, "identifier": identifier, "password": "no"}
                    await self.auth.complete(self.by_password_of(user_id), auth)

    async def test_without_a_caller_the_password_says_who_it_is(self) -> None:
        """An account may be named by its password alone."""
        progress = await self.complete(self.by_password_of(None), by_password("bob"))

        self.assertEqual("@bob:localhost", progress.proofs[uia.PASSWORD])

    async def test_guessing_is_slowed_down(self) -> None:
        """Failures here count as failures to log in do."""
        for _ in range(2):
            await self.challenge(self.by_password_of(ALICE), by_password(password="no"))

        with self.assertRaises(TooSoon):
            await self.auth.complete(self.by_password_of(ALICE), by_password())

    async def test_a_session_is_good_for_one_purpose(self) -> None:
        """A session of another operation is not known; a fresh one comes with the refusal."""
        other = await self.challenge(self.by_password_of(ALICE, "other"), None)
        challenge = await self.challenge(self.by_password_of(ALICE), by_password(session=other.session))

        self.assertEqual("M_UNKNOWN", challenge.errcode)
        self.assertNotEqual(other.session, challenge.session)

    async def test_sessions_end(self) -> None:
        """After half an hour one begins again."""
        challenge = await self.challenge(self.by_password_of(ALICE), None)
        self.accounts.clock.advance(uia.SESSION_LIFETIME_MS / 1000)
        later = await self.challenge(self.by_password_of(ALICE), by_password(session=challenge.session))

        self.assertEqual("M_UNKNOWN", later.errcode)

    async def test_stages_that_are_not_offered(self) -> None:
        """The dummy stage does not stand for a password."""
        for stage in ("m.login.dummy", "m.login.recaptcha", ""):
            challenge = await self.challenge(self.by_password_of(ALICE), {"type": stage})
            self.assertEqual("M_UNRECOGNIZED", challenge.errcode)

    async def test_a_flow_of_two_stages(self) -> None:
        """Stages are completed in order, in requests of their own, and what was completed is remembered."""
        request = Request("register", TWO_STAGES, INFO)
        token: JSONObject = {"type": uia.REGISTRATION_TOKEN, "token": "welcome"}
        start = await self.challenge(request, None)
        too_early = await self.challenge(request, {"type": uia.DUMMY, "session": start.session})
        middle = await self.challenge(request, {**token, "session": start.session})
        again = await self.challenge(request, {"session": start.session})
        repeated = await self.challenge(request, {**token, "token": "wrong", "session": start.session})
        progress = await self.complete(request, {"type": uia.DUMMY, "session": start.session})

        self.assertEqual("M_UNRECOGNIZED", too_early.errcode)
        self.assertEqual([(uia.REGISTRATION_TOKEN,)] * 3, [middle.completed, again.completed, repeated.completed])
        self.assertEqual("welcome", progress.proofs[uia.REGISTRATION_TOKEN])

    async def test_registration_tokens(self) -> None:
        """One that nobody gave out, or of another form, is refused, and may be tried again."""
        request = Request("register", ((uia.REGISTRATION_TOKEN,),), INFO)
        tokens: list[Any] = ["strange", "", "x" * 65, 7, ["welcome"], {}]
        for token in tokens:
            auth: JSON = {"type": uia.REGISTRATION_TOKEN, "token": token}
            self.assertEqual("M_FORBIDDEN", (await self.challenge(request, auth)).errcode)

        await self.complete(request, {"type": uia.REGISTRATION_TOKEN, "token": "welcome"})

    async def test_bad_auth(self) -> None:
        """What is no authentication object is malformed, not unauthenticated; an empty one is none."""
        with self.assertRaises(InteractiveAuthRequired):
            await self.auth.complete(self.by_password_of(ALICE), {})
        bad: list[Any] = ["x", [], 7, {"type": 7}, {"type": uia.PASSWORD}, {"type": uia.PASSWORD, "password": "x"}]
        for auth in bad:
            with self.assertRaises(Malformed):
                await self.auth.complete(self.by_password_of(ALICE), auth)

    async def test_the_dummy_stage_asks_for_nothing(self) -> None:
        """It is offered where no proof is needed, and is a stage all the same."""
        request = Request("register", ((uia.DUMMY,),), INFO)
        await self.challenge(request, None)

        self.assertEqual((uia.DUMMY,), (await self.complete(request, DUMMY)).completed)
