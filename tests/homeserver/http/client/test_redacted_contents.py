"""What was redacted, for those who may redact.  Spec: proposals/2815"""

from typing import Any

from sqlalchemy import update

from homeserver.core.hashes import encode_event
from homeserver.core.identifiers import EventID
from homeserver.core.redaction import redact_event
from homeserver.http.client.redacted_contents import RedactedContentDetour
from homeserver.services.clock import now_ms
from homeserver.services.redacted_contents import ModerationSettings, RedactedContents, forget_redacted_contents
from homeserver.store import redacted_contents
from homeserver.store.room_purge import TABLES
from homeserver.store.room_tables import DeletedEvent
from homeserver.store.schema.events import events
from homeserver.store.write import Write
from tests.databases import each_database
from tests.room_api import V3, RoomAPI, RoomAPICase, User

STABLE, UNSTABLE = "include_unredacted_content", "fi.mau.msc2815.include_unredacted_content"
DAY_SECONDS = 86_400


@each_database
class RedactedContentTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(self.room_id)

    def extend(self, api: RoomAPI) -> None:
        views = api.messages.views
        self.moderation = ModerationSettings(redacted_content_days=7)
        self.contents = RedactedContents(
            self.database, api.clock, api.rooms.known, views, api.messages, api.shown, self.moderation
        )
        api.rooms.timeline.redactions.witnesses.append(self.contents.keep)
        api.event_detours.append(RedactedContentDetour(self.contents))

    async def redacted(self, by: User, text: str = "rude") -> str:
        """A message of Bob's that was redacted."""
        event_id = await self.bob.say(self.room_id, text)
        await by.ok(by.client.put(f"{V3}/rooms/{self.room_id}/redact/{event_id}/{text}", {"reason": "rude"}))
        return event_id

    async def seen(self, by: User, event_id: str, name: str = STABLE, value: str = "true") -> Any:
        return await by.room(self.room_id, f"event/{event_id}", **{name: value})

    async def test_who_may_redact_sees_it(self) -> None:
        """Under both names, whoever redacted it; and that it was redacted."""
        for name, by in ((STABLE, self.alice), (UNSTABLE, self.bob)):
            event_id = await self.redacted(by, name[:3])
            event = (await self.seen(self.alice, event_id, name)).json

            self.assertEqual(name[:3], event["content"]["body"])
            self.assertEqual("rude", event["unsigned"]["redacted_because"]["content"]["reason"])
            self.assertEqual({}, (await self.seen(self.alice, event_id, name, "false")).json["content"])
            self.assertEqual({}, (await self.alice.room(self.room_id, f"event/{event_id}")).json["content"])

    async def test_who_may_not_redact_does_not(self) -> None:
        """Not even who sent it; strangers do not learn that there is such an event; administrators need no level."""
        event_id = await self.redacted(self.bob)
        root = await self.api.user("root", is_admin=True)
        await root.join(self.room_id)

        self.assert_refused(403, "M_FORBIDDEN", await self.seen(self.bob, event_id))
        self.assert_refused(404, "M_NOT_FOUND", await self.seen(self.carol, event_id))
        self.assert_refused(404, "M_NOT_FOUND", await self.seen(self.alice, "$nowhere"))
        self.assertEqual("rude", (await self.seen(root, event_id)).json["content"]["body"])
        await self.alice.act(self.room_id, "leave")
        self.assert_refused(403, "M_FORBIDDEN", await self.seen(self.alice, event_id))

    async def test_what_was_not_redacted_is_as_it_is(self) -> None:
        """Who may redact is shown it as ever; who may not is refused all the same, and so is an odd value."""
        event_id = await self.bob.say(self.room_id, "hello")

        self.assertEqual("hello", (await self.seen(self.alice, event_id)).json["content"]["body"])
        self.assert_refused(403, "M_FORBIDDEN", await self.seen(self.bob, event_id))
        self.assert_refused(400, "M_INVALID_PARAM", await self.seen(self.alice, event_id, value="maybe"))

    async def test_it_is_gone_after_a_while(self) -> None:
        """Nobody is shown it any more, and housekeeping deletes it; both names have their own code."""
        event_id, chore = await self.redacted(self.bob), forget_redacted_contents(self.moderation)
        later = await self.bob.say(self.room_id, "hello")
        entry = await self.api.rooms.known.by_id(EventID(event_id))
        assert entry is not None
        self.api.clock.advance(7 * DAY_SECONDS - 1)
        await self.database.write(chore, now_ms(self.api.clock))
        self.assertEqual(200, (await self.seen(self.alice, event_id)).status)
        self.api.clock.advance(1)
        stable, unstable = await self.seen(self.alice, event_id), await self.seen(self.alice, event_id, UNSTABLE)
        self.assertIsNotNone(await self.database.read(redacted_contents.of_event, entry.nid))
        more = await self.database.write(chore, now_ms(self.api.clock))

        self.assert_refused(404, "M_UNREDACTED_CONTENT_DELETED", stable)
        self.assert_refused(404, "FI.MAU.MSC2815_UNREDACTED_CONTENT_DELETED", unstable)
        self.assertEqual(7 * DAY_SECONDS * 1000, stable.json["m.content_keep_ms"])
        self.assertEqual(7 * DAY_SECONDS * 1000, unstable.json["fi.mau.msc2815.content_keep_ms"])
        self.assertFalse(more)
        self.assertIsNone(await self.database.read(redacted_contents.of_event, entry.nid))
        self.assert_refused(404, "M_UNREDACTED_CONTENT_DELETED", await self.seen(self.alice, event_id))
        self.assertEqual(200, (await self.seen(self.alice, later)).status)

    async def test_it_goes_with_its_sender_and_with_its_event(self) -> None:
        """Who is erased said nothing; who only ends the account did.  What is purged leaves nothing."""
        event_id = await self.redacted(self.bob)
        purged = await self.redacted(self.bob, "purged")
        delete = self.contents.delete_of_account
        await self.database.write(lambda tx: delete(tx, self.bob.user_id, erase=False))
        self.assertEqual(200, (await self.seen(self.alice, event_id)).status)
        entry = await self.api.rooms.known.by_id(EventID(purged))
        assert entry is not None
        gone = DeletedEvent(entry.nid, entry.event_id, b"")
        await self.database.write(lambda tx: TABLES.delete_of_events(tx, [gone]))
        self.assertIsNone(await self.database.read(redacted_contents.of_event, entry.nid))
        await self.database.write(lambda tx: delete(tx, self.bob.user_id, erase=True))

        self.assert_refused(404, "M_UNREDACTED_CONTENT_DELETED", await self.seen(self.alice, event_id))

    async def test_what_never_came(self) -> None:
        """An event that another server sent redacted; the answer is the same once its redaction is here."""
        event_id = await self.bob.say(self.room_id, "hello")
        entry = await self.api.rooms.known.by_id(EventID(event_id))
        assert entry is not None
        stripped = redact_event(entry.event)
        await self.database.write(_replace, entry.nid, encode_event(stripped.pdu, stripped.version))
        self.api.rooms.known.forget(entry.event_id)
        before = await self.seen(self.alice, event_id)
        await self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{event_id}/r", {})
        after = await self.seen(self.alice, event_id, UNSTABLE)
        self.api.clock.advance(8 * DAY_SECONDS)
        await self.database.write(forget_redacted_contents(self.moderation), now_ms(self.api.clock))

        self.assert_refused(404, "M_UNREDACTED_CONTENT_NOT_RECEIVED", before)
        self.assert_refused(404, "FI.MAU.MSC2815_UNREDACTED_CONTENT_NOT_RECEIVED", after)
        self.assert_refused(404, "M_UNREDACTED_CONTENT_NOT_RECEIVED", await self.seen(self.alice, event_id))


def _replace(tx: Write, nid: int, pdu: bytes) -> None:
    """As if the event had come so."""
    tx.connection.execute(update(events).where(events.c.nid == nid).values(pdu=pdu))
