"""A user's devices."""

from attrs import evolve

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import LogEntry
from homeserver.services.devices import DELETED_AT_ONCE_MAX
from homeserver.services.refusals import InteractiveAuthRequired, InvalidParameter, NotFound, UnknownToken
from homeserver.services.sessions import NewSession
from tests.accounts import INFO, Accounts, by_password
from tests.databases import DatabaseCase, each_database

ALICE = UserID("@alice:localhost")
PHONE, LAPTOP = DeviceID("PHONE"), DeviceID("LAPTOP")


@each_database
class DeviceTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.devices = self.accounts.devices
        self.phone = await self.accounts.register("alice", NewSession(PHONE, "My phone"))
        self.accounts.clock.advance(1)
        self.laptop = await self.accounts.sessions.open(ALICE, NewSession(LAPTOP))
        self.caller = await self.accounts.caller_of(self.phone)
        self.heard: list[LogEntry] = []
        self.database.subscribe(self.heard.extend)

    async def ids(self) -> list[DeviceID]:
        return [device.device_id for device in await self.devices.all_of(ALICE)]

    async def test_a_user_sees_their_devices(self) -> None:
        """The oldest first, and nobody else's."""
        await self.accounts.register("bob", NewSession(DeviceID("BOBS")))

        self.assertEqual([PHONE, LAPTOP], await self.ids())
        with self.assertRaises(NotFound):
            await self.devices.one_of(ALICE, DeviceID("BOBS"))

    async def test_a_new_name_is_heard_of(self) -> None:
        """Others show it beside the keys; the same name again is no change, and none at all neither."""
        await self.devices.rename(self.caller, LAPTOP, "My laptop")
        await self.devices.rename(self.caller, LAPTOP, "My laptop")
        await self.devices.rename(self.caller, LAPTOP, None)

        self.assertEqual("My laptop", (await self.devices.one_of(ALICE, LAPTOP)).display_name)
        self.assertEqual([("device_list", ALICE)], [(entry.kind, entry.subject) for entry in self.heard])

    async def test_only_application_services_make_devices(self) -> None:
        """An ordinary client names what is there."""
        with self.assertRaises(NotFound):
            await self.devices.rename(self.caller, DeviceID("NEW"), "New")
        bridge = evolve(self.caller, appservice_id="bridge")

        self.assertTrue(await self.devices.rename(bridge, DeviceID("NEW"), "New"))
        self.assertFalse(await self.devices.rename(bridge, DeviceID("NEW"), "Newer"))
        self.assertEqual("Newer", (await self.devices.one_of(ALICE, DeviceID("NEW"))).display_name)

    async def test_deleting_takes_all_that_is_the_devices(self) -> None:
        """Its token and keys; the other device stays."""
        await self.devices.delete(self.caller, [LAPTOP], by_password(), INFO)

        self.assertEqual([PHONE], await self.ids())
        self.assertEqual([(ALICE, LAPTOP)], self.accounts.keys.deleted)
        with self.assertRaises(UnknownToken):
            await self.accounts.caller_of(self.laptop)
        await self.accounts.caller_of(self.phone)

    async def test_several_at_once(self) -> None:
        """The caller's own among them, and one that was gone already."""
        await self.devices.delete(self.caller, [LAPTOP, PHONE, DeviceID("GONE")], by_password(), INFO)

        self.assertEqual([], await self.ids())
        self.assertEqual(1, len(self.heard))

    async def test_nothing_is_deleted_without_the_password(self) -> None:
        """A stolen token deletes no device."""
        with self.assertRaises(InteractiveAuthRequired):
            await self.devices.delete(self.caller, [LAPTOP], None, INFO)

        self.assertEqual([PHONE, LAPTOP], await self.ids())

    async def test_a_session_is_good_for_the_devices_it_was_opened_for(self) -> None:
        """What was begun for one device deletes no other."""
        with self.assertRaises(InteractiveAuthRequired) as refused:
            await self.devices.delete(self.caller, [LAPTOP], None, INFO)
        auth = by_password(session=refused.exception.challenge.session)
        with self.assertRaises(InteractiveAuthRequired):
            await self.devices.delete(self.caller, [PHONE], auth, INFO)

        await self.devices.delete(self.caller, [LAPTOP], auth, INFO)

    async def test_other_users_devices_stay(self) -> None:
        """Naming somebody else's device deletes nothing."""
        bob = await self.accounts.register("bob", NewSession(DeviceID("BOBS")))
        await self.devices.delete(self.caller, [DeviceID("BOBS")], by_password(), INFO)

        await self.accounts.caller_of(bob)

    async def test_application_services_are_trusted(self) -> None:
        """They delete their users' devices without a password."""
        await self.devices.delete(evolve(self.caller, appservice_id="bridge"), [LAPTOP], None, INFO)

        self.assertEqual([PHONE], await self.ids())

    async def test_a_request_has_a_bound(self) -> None:
        """More than anybody has at once are refused."""
        with self.assertRaises(InvalidParameter):
            await self.devices.delete(self.caller, [PHONE] * (DELETED_AT_ONCE_MAX + 1), by_password(), INFO)
