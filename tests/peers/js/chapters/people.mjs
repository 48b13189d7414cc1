// People: profiles, presence, typing, the user directory, direct chats.

import { arrive, arrives, gather, inRoom, refusal, sees, when } from "../stage.mjs";

/** A changed name reaches rooms, the directory and the profile, which holds fields of any kind besides. */
export async function profiles() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob]);
    const name = `Alice of ${Date.now()}`;
    await alice.setDisplayName(name);
    await alice.setAvatarUrl("mxc://example.org/face");
    const member = () => bob.getRoom(room_id).getMember(alice.getUserId());
    await when("the name", () => member().rawDisplayName === name && member().getMxcAvatarUrl());
    await alice.setExtendedProfileProperty("m.tz", "Europe/Berlin");
    await alice.setExtendedProfileProperty("x.pets", { cat: 1 });
    const whole = await bob.getExtendedProfile(alice.getUserId());
    await alice.deleteExtendedProfileProperty("x.pets");
    const found = await when("the directory", async () => {
        const { results } = await bob.searchUserDirectory({ term: name, limit: 5 });
        return results[0]?.avatar_url && results;
    });
    const stranger = await arrive("carol");
    return {
        supported: await alice.doesServerSupportExtendedProfiles(),
        avatar: member().getMxcAvatarUrl(),
        plain: await bob.getProfileInfo(alice.getUserId(), "displayname").then((each) => each.displayname === name),
        fields: { tz: whole["m.tz"], pets: whole["x.pets"], named: whole.displayname === name },
        deleted: await refusal(bob.getExtendedProfileProperty(alice.getUserId(), "x.pets")),
        directory: found.map((user) => [user.user_id === alice.getUserId(), user.avatar_url]),
        nobody: await refusal(stranger.getProfileInfo("@nobody-of-here:" + alice.getDomain())),
    };
}

/** Who shares a room sees presence and typing. */
export async function presence() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob]);
    await alice.setPresence({ presence: "unavailable", status_msg: "at lunch" });
    const user = await when("the presence", () => {
        const found = bob.getUser(alice.getUserId());
        return found?.presence === "unavailable" && found.presenceStatusMsg && found;
    });
    const asked = await bob.getPresence(alice.getUserId());
    await alice.sendTyping(room_id, true, 120_000);
    const typing = () => bob.getRoom(room_id).getMember(alice.getUserId()).typing;
    await when("the typing", typing);
    await alice.sendTyping(room_id, false, 0);
    await when("no typing", () => !typing());
    const carol = await arrive("carol");
    return { status: user.presenceStatusMsg, asked: asked.presence, outside: await refusal(carol.getPresence(alice.getUserId())) };
}

/** An invite to a direct chat says so, is turned down once, and taken up then; the rooms that both are in are told. */
export async function direct_chats() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const { room_id } = await alice.createRoom({
        preset: "trusted_private_chat",
        is_direct: true,
        invite: [bob.getUserId()],
    });
    const room = await inRoom(bob, room_id, "invite");
    const inviter = room.getDMInviter() === alice.getUserId();
    const named = room.name === alice.getUserId();
    await bob.leave(room_id);
    await inRoom(bob, room_id, "leave");
    await sees(alice, room_id, bob.getUserId(), "leave");
    await alice.invite(room_id, bob.getUserId(), "please");
    await inRoom(bob, room_id, "invite");
    await bob.joinRoom(room_id);
    await inRoom(bob, room_id);
    await bob.setAccountData("m.direct", { [alice.getUserId()]: [room_id] });
    const { event_id } = await alice.sendTextMessage(room_id, "psst");
    await arrives(bob, room_id, event_id);
    return {
        inviter,
        named,
        guess: bob.getRoom(room_id).guessDMUserId() === alice.getUserId(),
        mutual: await bob._unstable_getSharedRooms(alice.getUserId()).then((rooms) => rooms.map((each) => each === room_id)),
    };
}
