"""matrix-nio through the chapters of the specification: its own flows, and what its rooms look like afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import nio
import pytest
from nio.api import RelationshipType, ThreadInclusion
from nio.responses import DirectRoomsErrorResponse, PublicRoomsResponse, RoomUpgradeResponse

from scripts.certificates import make_authority
from scripts.laboratory.client import PASSWORD
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from tests.waiting import until_in_asyncio

pytestmark = pytest.mark.peers

T = TypeVar("T")

NUMBERS = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    directory: Path = tmp_path_factory.mktemp("nio")
    folkmoot = make_folkmoot(find_place(directory / "server", make_authority(directory)))
    try:
        folkmoot.start()
        yield folkmoot
    finally:
        folkmoot.stop()


@asynccontextmanager
async def clients(server: Homeserver, *names: str, store: Path | None = None) -> AsyncIterator[list[nio.AsyncClient]]:
    """New users, each with a client that syncs all the time; *store*: for keys, where they encrypt."""
    made: list[nio.AsyncClient] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        for name in names:
            client = new_client(server, f"{name}{next(NUMBERS)}", store)
            made.append(client)
            taken(await client.register(client.user, PASSWORD, "Desk"), nio.RegisterResponse)
            tasks.append(asyncio.create_task(client.sync_forever(timeout=2000, full_state=True)))
        for client, task in zip(made, tasks, strict=True):
            await until(lambda client=client, task=task: client.next_batch or task.done())  # type: ignore[misc]
        yield made
        for task in tasks:
            # What ended before it was told to has failed.
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in made:
            await client.close()


def new_client(server: Homeserver, user: str, store: Path | None = None) -> nio.AsyncClient:
    config = nio.AsyncClientConfig(encryption_enabled=store is not None, store_sync_tokens=False)
    if store is not None:
        store.mkdir(parents=True, exist_ok=True)
    return nio.AsyncClient(server.client_url, user, store_path=str(store or ""), config=config)


def taken(answer: object, expected: type[T]) -> T:
    """The answer, which is what was asked for and no error."""
    assert isinstance(answer, expected), answer
    return answer


async def until(holds: Callable[[], object]) -> None:
    await until_in_asyncio(holds, "the client knows")


async def meet(host: nio.AsyncClient, *guests: nio.AsyncClient, **more: Any) -> str:
    """A room of the first, which the others have joined; everybody knows everybody."""
    created = await host.room_create(preset=nio.RoomPreset.public_chat, **more)
    room_id: str = taken(created, nio.RoomCreateResponse).room_id
    for guest in guests:
        taken(await guest.join(room_id), nio.JoinResponse)
    everybody = {client.user_id for client in (host, *guests)}
    for client in (host, *guests):
        await until(lambda client=client: room_id in client.rooms and everybody <= client.rooms[room_id].users.keys())  # type: ignore[misc]
    return room_id


async def say(client: nio.AsyncClient, room_id: str, text: str, **more: Any) -> str:
    content = {"msgtype": "m.text", "body": text, **more}
    sent = await client.room_send(room_id, "m.room.message", content)
    return str(taken(sent, nio.RoomSendResponse).event_id)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        await story()

    asyncio.run(told())


def test_accounts_and_devices(server: Homeserver) -> None:
    """nio logs in, names devices, deletes one after its password, knows who it is, and is logged out."""

    async def story() -> None:
        async with clients(server, "alice") as [alice]:
            phone = new_client(server, alice.user_id)
            taken(await phone.login(PASSWORD, device_name="Phone"), nio.LoginResponse)
            assert "m.login.password" in taken(await alice.login_info(), nio.LoginInfoResponse).flows
            assert taken(await alice.discovery_info(), nio.DiscoveryInfoResponse).homeserver_url
            who = taken(await phone.whoami(), nio.WhoamiResponse)
            assert (who.user_id, who.device_id, who.is_guest) == (alice.user_id, phone.device_id, False)
            openid = taken(await alice.get_openid_token(alice.user_id), nio.GetOpenIDTokenResponse)
            assert (openid.matrix_server_name, openid.token_type) == (server.server_name, "Bearer")

            taken(await alice.update_device(phone.device_id, {"display_name": "Old phone"}), nio.UpdateDeviceResponse)
            devices = taken(await alice.devices(), nio.DevicesResponse).devices
            assert {device.id: device.display_name for device in devices}[phone.device_id] == "Old phone"
            asked = taken(await alice.delete_devices([phone.device_id]), nio.DeleteDevicesAuthResponse)
            auth = {
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": alice.user_id},
                "password": PASSWORD,
                "session": asked.session,
            }
            taken(await alice.delete_devices([phone.device_id], auth), nio.DeleteDevicesResponse)
            gone = taken(await phone.whoami(), nio.WhoamiError)
            assert gone.status_code == "M_UNKNOWN_TOKEN"
            await phone.close()

            refused = new_client(server, alice.user_id)
            assert taken(await refused.login("not it"), nio.LoginError).status_code == "M_FORBIDDEN"
            await refused.close()
            other = new_client(server, alice.user_id)
            taken(await other.login(PASSWORD, "Tablet"), nio.LoginResponse)
            taken(await other.logout(), nio.LogoutResponse)
            await other.close()
            assert len(taken(await alice.devices(), nio.DevicesResponse).devices) == 1
            # nio reads no list at all in which a device lacks a name, an address or a time.
            unnamed = new_client(server, alice.user_id)
            identifier = {"type": "m.id.user", "user": alice.user_id}
            raw = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
            taken(await unnamed.login_raw(raw), nio.LoginResponse)
            await unnamed.close()
            names = {each.id: each.display_name for each in taken(await alice.devices(), nio.DevicesResponse).devices}
            assert names[unnamed.device_id] == ""

    run(story)


def test_rooms_as_members_see_them(server: Homeserver) -> None:
    """Name, topic, power, membership and state of a room are the same in nio as on the server."""

    async def story() -> None:
        async with clients(server, "alice", "bob", "carol") as [alice, bob, carol]:
            room_id = await meet(alice, bob, name="The oak", topic="Shade", power_level_override={"kick": 60})
            room = bob.rooms[room_id]
            assert (room.display_name, room.topic, room.join_rule) == ("The oak", "Shade", "public")
            assert room.power_levels.defaults.kick == 60
            members = taken(await bob.joined_members(room_id), nio.JoinedMembersResponse).members
            assert {member.user_id for member in members} == {alice.user_id, bob.user_id}
            assert room_id in taken(await bob.joined_rooms(), nio.JoinedRoomsResponse).rooms
            state = taken(await bob.room_get_state(room_id), nio.RoomGetStateResponse).events
            assert ("m.room.name", {"name": "The oak"}) in [(event["type"], event["content"]) for event in state]
            taken(await alice.update_room_topic(room_id, "Sun"), nio.RoomPutStateResponse)
            await until(lambda: room.topic == "Sun")
            topic = await bob.room_get_state_event(room_id, "m.room.topic")
            # Beside the plain topic stand its other forms.
            assert taken(topic, nio.RoomGetStateEventResponse).content["topic"] == "Sun"
            none = await bob.room_get_state_event(room_id, "x.none")
            assert taken(none, nio.RoomGetStateEventError).status_code == "M_NOT_FOUND"

            taken(await alice.room_invite(room_id, carol.user_id), nio.RoomInviteResponse)
            await until(lambda: room_id in carol.invited_rooms)
            assert carol.invited_rooms[room_id].inviter == alice.user_id
            taken(await carol.join(room_id), nio.JoinResponse)
            await until(lambda: room_id in carol.rooms)
            taken(await alice.room_kick(room_id, carol.user_id, "later"), nio.RoomKickResponse)
            await until(lambda: carol.user_id not in room.users)
            taken(await alice.room_ban(room_id, carol.user_id), nio.RoomBanResponse)
            assert taken(await carol.join(room_id), nio.JoinError).status_code == "M_FORBIDDEN"
            taken(await alice.room_unban(room_id, carol.user_id), nio.RoomUnbanResponse)
            taken(await carol.room_forget(room_id), nio.RoomForgetResponse)
            taken(await bob.room_leave(room_id), nio.RoomLeaveResponse)
            await until(lambda: bob.user_id not in alice.rooms[room_id].users)
            assert room_id not in taken(await bob.joined_rooms(), nio.JoinedRoomsResponse).rooms

    run(story)


def test_history(server: Homeserver) -> None:
    """nio pages through a room in both directions, finds what surrounds a message, and what was redacted."""

    async def story() -> None:
        async with clients(server, "alice", "bob") as [alice, bob]:
            room_id = await meet(alice, bob)
            ids = [await say(alice, room_id, str(number)) for number in range(25)]
            start: str | None = None
            found: list[str] = []
            while True:
                page = taken(await bob.room_messages(room_id, start, limit=7), nio.RoomMessagesResponse)
                found += [event.event_id for event in page.chunk if isinstance(event, nio.RoomMessageText)]
                if page.end is None:
                    break
                start = page.end
            assert found == ids[::-1]
            forth = await bob.room_messages(room_id, start, direction=nio.MessageDirection.front, limit=100)
            chunk = taken(forth, nio.RoomMessagesResponse).chunk
            assert [event.event_id for event in chunk if isinstance(event, nio.RoomMessageText)][:5] == ids[:5]
            only = {"types": ["m.room.member"]}
            members = taken(await bob.room_messages(room_id, message_filter=only), nio.RoomMessagesResponse)
            assert {type(event) for event in members.chunk} == {nio.RoomMemberEvent}

            around = taken(await bob.room_context(room_id, ids[10], limit=4), nio.RoomContextResponse)
            assert around.event.event_id == ids[10]
            assert [event.event_id for event in around.events_before] == [ids[9], ids[8]]
            assert [event.event_id for event in around.events_after] == [ids[11], ids[12]]
            one = taken(await bob.room_get_event(room_id, ids[3]), nio.RoomGetEventResponse)
            assert one.event.body == "3"
            taken(await alice.room_redact(room_id, ids[3], "a slip"), nio.RoomRedactResponse)
            empty = taken(await bob.room_get_event(room_id, ids[3]), nio.RoomGetEventResponse).event
            assert isinstance(empty, nio.RedactedEvent)
            assert (empty.reason, empty.redacter) == ("a slip", alice.user_id)

    run(story)


def test_relations_and_threads(server: Homeserver) -> None:
    """nio walks over the relations of an event and the threads of a room, page by page."""

    async def story() -> None:
        async with clients(server, "alice", "bob") as [alice, bob]:
            room_id = await meet(alice, bob)
            roots = [await say(alice, room_id, f"thread {number}") for number in range(4)]
            for root in roots:
                for number in range(3):
                    relation = {"rel_type": "m.thread", "event_id": root}
                    await say(bob, room_id, f"reply {number}", **{"m.relates_to": relation})
            reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": roots[0], "key": "+"}}
            taken(await bob.room_send(room_id, "m.reaction", reaction), nio.RoomSendResponse)

            threads = [event.event_id async for event in alice.room_get_threads(room_id, limit=3)]
            assert threads == roots[::-1]
            theirs = ThreadInclusion.participated
            assert len([event async for event in bob.room_get_threads(room_id, theirs)]) == 4
            related = alice.room_get_event_relations(room_id, roots[0], RelationshipType.thread, limit=2)
            assert [event.body async for event in related] == ["reply 2", "reply 1", "reply 0"]
            every = [event async for event in alice.room_get_event_relations(room_id, roots[0])]
            assert [type(event) for event in every] == [nio.ReactionEvent, *[nio.RoomMessageText] * 3]

    run(story)


def test_receipts_typing_and_counts(server: Homeserver) -> None:
    """Rooms in nio show who types, who has read what in which thread, and how much is unread."""

    async def story() -> None:
        async with clients(server, "alice", "bob") as [alice, bob]:
            room_id = await meet(alice, bob)
            his, hers = bob.rooms[room_id], alice.rooms[room_id]
            first = await say(alice, room_id, "one")
            second = await say(alice, room_id, "two")
            await until(lambda: his.unread_notifications == 2)
            taken(await bob.room_typing(room_id, True), nio.RoomTypingResponse)
            await until(lambda: hers.typing_users == [bob.user_id])
            taken(await bob.room_typing(room_id, False), nio.RoomTypingResponse)
            await until(lambda: hers.typing_users == [])

            taken(await bob.update_receipt_marker(room_id, first, thread_id=None), nio.UpdateReceiptMarkerResponse)
            await until(lambda: bob.user_id in hers.read_receipts)
            assert hers.read_receipts[bob.user_id].event_id == first
            await until(lambda: his.unread_notifications == 1)
            taken(await bob.update_receipt_marker(room_id, second), nio.UpdateReceiptMarkerResponse)
            await until(lambda: bob.user_id in hers.threaded_read_receipts)
            assert hers.threaded_read_receipts[bob.user_id]["main"].event_id == second
            await until(lambda: his.unread_notifications == 0)
            taken(await bob.room_read_markers(room_id, second, second), nio.RoomReadMarkersResponse)
            await until(lambda: his.fully_read_marker == second)
            absent = await bob.update_receipt_marker(room_id, second, nio.ReceiptType.read, "$nothing")
            assert isinstance(absent, nio.UpdateReceiptMarkerError)

    run(story)


def test_push_rules(server: Homeserver) -> None:
    """What nio adds, silences and deletes is heeded in the counts."""

    async def story() -> None:
        async with clients(server, "alice", "bob") as [alice, bob]:
            room_id = await meet(alice, bob)
            room = bob.rooms[room_id]
            kind = nio.PushRuleKind.override
            condition = nio.PushEventMatch("content.body", "*boring*")
            made = await bob.set_pushrule("global", kind, "quiet", actions=[], conditions=[condition])
            taken(made, nio.SetPushRuleResponse)
            await say(alice, room_id, "something boring")
            await say(alice, room_id, "something new")
            await until(lambda: room.unread_notifications == 1)
            taken(await bob.enable_pushrule("global", kind, "quiet", False), nio.EnablePushRuleResponse)
            await say(alice, room_id, "boring again")
            # What was silenced when it came stays so.
            await until(lambda: room.unread_notifications == 2)
            loud = [nio.PushNotify(), nio.PushSetTweak("highlight", True)]
            taken(await bob.set_pushrule_actions("global", kind, "quiet", loud), nio.SetPushRuleActionsResponse)
            taken(await bob.delete_pushrule("global", kind, "quiet"), nio.DeletePushRuleResponse)
            gone = await bob.delete_pushrule("global", kind, "quiet")
            assert taken(gone, nio.DeletePushRuleError).status_code == "M_NOT_FOUND"

    run(story)


def test_spaces_knocking_and_upgrades(server: Homeserver) -> None:
    """nio walks a space, knocks at a door and is let in, and moves a room with its aliases."""

    async def story() -> None:
        async with clients(server, "alice", "bob") as [alice, bob]:
            space_id = await meet(alice, bob, name="Team", space=True)
            room_id = await meet(alice, bob, name="Lobby", alias=f"lobby{next(NUMBERS)}")
            link = {"via": [server.server_name]}
            taken(await alice.room_put_state(space_id, "m.space.child", link, room_id), nio.RoomPutStateResponse)
            rooms = taken(await bob.space_get_hierarchy(space_id), nio.SpaceGetHierarchyResponse).rooms
            assert [room["name"] for room in rooms] == ["Team", "Lobby"]

            alias = str(
                taken(await alice.room_get_state(room_id), nio.RoomGetStateResponse) and await _alias(alice, room_id)
            )
            resolved = taken(await bob.room_resolve_alias(alias), nio.RoomResolveAliasResponse)
            assert (resolved.room_id, resolved.servers) == (room_id, [server.server_name])
            taken(await alice.room_put_alias(f"#x{alias[1:]}", room_id), nio.RoomPutAliasResponse)
            taken(await alice.room_delete_alias(f"#x{alias[1:]}"), nio.RoomDeleteAliasResponse)
            seen = await bob.room_get_visibility(room_id)
            assert taken(seen, nio.RoomGetVisibilityResponse).visibility == "private"
            moved = taken(await alice.room_upgrade(room_id, "11"), RoomUpgradeResponse)
            await until(lambda: moved.room_id in alice.rooms)
            assert taken(await bob.room_resolve_alias(alias), nio.RoomResolveAliasResponse).room_id == moved.room_id

            closed = taken(await alice.room_create(name="Door"), nio.RoomCreateResponse).room_id
            refused = await bob.room_knock(closed)
            assert taken(refused, nio.RoomKnockError).status_code == "M_FORBIDDEN"
            taken(await alice.room_enable_knocking(closed), nio.RoomPutStateResponse)
            assert taken(await bob.room_knock(closed, "please"), nio.RoomKnockResponse).room_id == closed
            taken(await alice.room_invite(closed, bob.user_id), nio.RoomInviteResponse)
            await until(lambda: closed in bob.invited_rooms)
            taken(await bob.join(closed), nio.JoinResponse)
            await until(lambda: closed in bob.rooms)

    run(story)


async def _alias(client: nio.AsyncClient, room_id: str) -> str:
    event = await client.room_get_state_event(room_id, "m.room.canonical_alias")
    return str(taken(event, nio.RoomGetStateEventResponse).content["alias"])


def test_people(server: Homeserver) -> None:
    """Profiles, presence, the list of direct chats and the public rooms are what nio takes them for."""

    async def story() -> None:
        async with clients(server, "alice", "bob") as [alice, bob]:
            word = f"grove{next(NUMBERS)}"
            room_id = await meet(alice, bob, name=word, visibility=nio.RoomVisibility.public)
            taken(await alice.set_displayname("Alice of the oak"), nio.ProfileSetDisplayNameResponse)
            taken(await alice.set_avatar("mxc://example.org/face"), nio.ProfileSetAvatarResponse)
            await until(lambda: bob.rooms[room_id].user_name(alice.user_id) == "Alice of the oak")
            await until(lambda: bob.rooms[room_id].avatar_url(alice.user_id) == "mxc://example.org/face")
            profile = taken(await bob.get_profile(alice.user_id), nio.ProfileGetResponse)
            assert (profile.displayname, profile.avatar_url) == ("Alice of the oak", "mxc://example.org/face")
            taken(await alice.set_presence("unavailable", "at lunch"), nio.PresenceSetResponse)
            shown = bob.rooms[room_id].users[alice.user_id]
            await until(lambda: (shown.presence, shown.status_msg) == ("unavailable", "at lunch"))
            asked = taken(await bob.get_presence(alice.user_id), nio.PresenceGetResponse)
            assert (asked.presence, asked.status_msg) == ("unavailable", "at lunch")
            public = await bob.list_public_rooms(limit=5, filter_generic_search_term=word)
            [found] = taken(public, PublicRoomsResponse).public_rooms
            assert (found.room_id, found.num_joined_members) == (room_id, 2)
            assert isinstance(await bob.list_direct_rooms(), DirectRoomsErrorResponse)

    run(story)


def test_filters(server: Homeserver) -> None:
    """A client that syncs by an uploaded filter gets what that admits, and goes on from there."""

    async def story() -> None:
        async with clients(server, "alice", "bob") as [alice, bob]:
            room_id = await meet(alice, bob)
            only = {"timeline": {"limit": 2, "not_types": ["m.reaction"]}, "state": {"lazy_load_members": True}}
            uploaded = taken(await bob.upload_filter(presence={"types": []}, room=only), nio.UploadFilterResponse)
            phone = new_client(server, bob.user_id)
            taken(await phone.login(PASSWORD), nio.LoginResponse)
            for number in range(5):
                last = await say(alice, room_id, str(number))
            first = taken(await phone.sync(sync_filter=uploaded.filter_id), nio.SyncResponse)
            timeline = first.rooms.join[room_id].timeline
            assert [event.body for event in timeline.events] == ["3", "4"]
            assert (timeline.limited, first.presence_events) == (True, [])
            reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": last, "key": "+"}}
            taken(await alice.room_send(room_id, "m.reaction", reaction), nio.RoomSendResponse)
            await say(alice, room_id, "5")
            second = taken(await phone.sync(timeout=2000, sync_filter=uploaded.filter_id), nio.SyncResponse)
            assert [event.body for event in second.rooms.join[room_id].timeline.events] == ["5"]
            await phone.close()

    run(story)


def test_verification(server: Homeserver, tmp_path: Path) -> None:
    """Two users' devices show the same emoji over to-device messages, and are verified for each other."""

    async def story() -> None:
        async with (
            clients(server, "alice", store=tmp_path / "alice") as [alice],
            clients(server, "bob", store=tmp_path / "bob") as [bob],
        ):
            encryption = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
            await meet(alice, bob, initial_state=[encryption])
            for one, other in ((alice, bob), (bob, alice)):
                await until(
                    lambda one=one, other=other: list(one.device_store.active_user_devices(other.user_id))  # type: ignore[misc]
                )
            [his] = alice.device_store.active_user_devices(bob.user_id)
            [hers] = bob.device_store.active_user_devices(alice.user_id)
            taken(await alice.start_key_verification(his), nio.ToDeviceResponse)
            await until(lambda: bob.key_verifications)
            [transaction] = bob.key_verifications
            taken(await bob.accept_key_verification(transaction), nio.ToDeviceResponse)
            sides = [client.key_verifications[transaction] for client in (alice, bob)]
            # The keys are told by messages that each of them queues for the other.
            await until(lambda: all(side.established_sas for side in sides))
            assert sides[0].get_emoji() == sides[1].get_emoji()
            for client in (alice, bob):
                taken(await client.confirm_short_auth_string(transaction), nio.ToDeviceResponse)
            await until(lambda: his.verified and hers.verified)

    run(story)
