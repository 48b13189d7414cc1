// Rooms: how they are made, found, joined, ordered in spaces, and replaced.

import { arrive, arrives, gather, inRoom, pass, refusal, sees, stranger, when } from "../stage.mjs";

/** A room of every preset, as its maker and somebody invited see it. */
export async function presets() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const seen = {};
    for (const preset of ["private_chat", "trusted_private_chat", "public_chat"]) {
        const { room_id } = await alice.createRoom({ preset, name: `A ${preset}`, topic: "News", invite: [bob.getUserId()] });
        const room = await inRoom(alice, room_id);
        await inRoom(bob, room_id, "invite");
        const invited = await sees(alice, room_id, bob.getUserId(), "invite");
        seen[preset] = {
            name: room.name,
            invited_name: bob.getRoom(room_id).name,
            join_rule: room.getJoinRule(),
            history: room.getHistoryVisibility(),
            guests: room.getGuestAccess(),
            equal: invited.powerLevel === room.getMember(alice.getUserId()).powerLevel,
            topic: room.currentState.getStateEvents("m.room.topic", "").getContent().topic,
        };
    }
    return seen;
}

/** Members of a large room are loaded when they are wanted, or when they speak. */
export async function lazy_members() {
    const alice = await arrive("alice");
    const { room_id } = await alice.createRoom({ preset: "public_chat" });
    const others = [];
    for (let number = 0; number < 9; number += 1) {
        others.push(await pass("guest"));
        await others.at(-1).joinRoom(room_id);
    }
    for (let number = 0; number < 25; number += 1) await alice.sendTextMessage(room_id, `message ${number}`);
    const said = await others[8].sendTextMessage(room_id, "me too");
    const late = await arrive("late");
    await late.joinRoom(room_id);
    const room = await inRoom(late, room_id);
    await arrives(late, room_id, said.event_id);
    const known = room.currentState.getMembers().length;
    const speaker = room.getMember(others[8].getUserId())?.membership;
    await room.loadMembersIfNeeded();
    return { known, speaker, count: room.getJoinedMemberCount(), loaded: room.getJoinedMembers().length };
}

/** An alias and the directory lead to a room, and do not once they are taken away. */
export async function directory({ server_name }) {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const word = `oak${Date.now()}`;
    const alias = `#${word}:${server_name}`;
    const { room_id } = await alice.createRoom({
        preset: "public_chat",
        visibility: "public",
        name: `The ${word}`,
        topic: "Under it",
        room_alias_name: word,
    });
    const second = `#second-${word}:${server_name}`;
    await alice.createAlias(second, room_id);
    const found = await bob.publicRooms({ limit: 1, filter: { generic_search_term: word } });
    const resolved = await bob.getRoomIdForAlias(second);
    const summary = await bob.getRoomSummary(alias);
    const joined = await bob.joinRoom(alias);
    const aliases = (await alice.getLocalAliases(room_id)).aliases;
    const visibility = (await alice.getRoomDirectoryVisibility(room_id)).visibility;
    await alice.setRoomDirectoryVisibility(room_id, "private");
    await alice.deleteAlias(second);
    return {
        found: found.chunk.map((room) => [room.room_id === room_id, room.name, room.topic, room.num_joined_members, room.canonical_alias === alias]),
        resolved: resolved.room_id === room_id,
        summary: [summary.room_id === room_id, summary.name, summary.num_joined_members, summary.join_rule, summary.membership],
        joined: joined.roomId === room_id,
        canonical: (await inRoom(bob, room_id)).getCanonicalAlias() === alias,
        aliases: aliases.length,
        visibility,
        unlisted: (await bob.publicRooms({ filter: { generic_search_term: word } })).chunk.length,
        gone: await refusal(bob.getRoomIdForAlias(second)),
        foreign: await refusal(bob.deleteAlias(alias)),
    };
}

/** A space with rooms and a space in it, walked page by page; a restricted room lets members of the space in. */
export async function spaces({ server_name }) {
    const { RoomHierarchy } = await import("matrix-js-sdk/lib/room-hierarchy.js");
    const [alice, bob, carol] = [await arrive("alice"), await arrive("bob"), await arrive("carol")];
    const space = (name) => alice.createRoom({ preset: "public_chat", name, creation_content: { type: "m.space" } });
    const { room_id: team } = await space("Team");
    const { room_id: inner } = await space("Inner");
    const { room_id: lobby } = await alice.createRoom({ preset: "public_chat", name: "Lobby" });
    const { room_id: closed } = await alice.createRoom({ preset: "private_chat", name: "Closed" });
    const { room_id: restricted } = await alice.createRoom({
        name: "Restricted",
        initial_state: [
            {
                type: "m.room.join_rules",
                state_key: "",
                content: { join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: team }] },
            },
        ],
    });
    const link = async (parent, child, more = {}) => {
        await alice.sendStateEvent(parent, "m.space.child", { via: [server_name], ...more }, child);
    };
    await link(team, inner, { order: "a" });
    await link(team, lobby, { order: "b", suggested: true });
    await link(team, closed, { order: "c" });
    await link(inner, restricted);
    const outside = await refusal(bob.joinRoom(restricted));
    await bob.joinRoom(team);
    const room = await inRoom(bob, team);
    const hierarchy = new RoomHierarchy(room, 2);
    const pages = [];
    while (hierarchy.canLoadMore) pages.push((await hierarchy.load()).map((each) => each.name));
    const suggested = (await bob.getRoomHierarchy(team, 10, 3, true)).rooms.map((each) => each.name);
    await bob.joinRoom(restricted);
    await inRoom(bob, restricted);
    return {
        is_space: room.isSpaceRoom(),
        outside,
        stranger: await refusal(carol.joinRoom(restricted)),
        pages,
        suggested,
        order: hierarchy.getRelation(team, lobby).content.order,
        is_suggested: hierarchy.isSuggested(team, lobby),
    };
}

/** Somebody knocks, is seen to, and is let in; another is turned away. */
export async function knocking() {
    const [alice, bob, carol] = [await arrive("alice"), await arrive("bob"), await arrive("carol")];
    const { room_id } = await alice.createRoom({
        name: "Door",
        initial_state: [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } }],
    });
    await bob.knockRoom(room_id, { reason: "it rains" });
    await carol.knockRoom(room_id, { reason: "let me in" });
    const knocked = await inRoom(bob, room_id, "knock");
    const knock = (await sees(alice, room_id, bob.getUserId(), "knock")).events.member.getContent().reason;
    const name = knocked.currentState.getStateEvents("m.room.name", "")?.getContent().name;
    await sees(alice, room_id, carol.getUserId(), "knock");
    await alice.invite(room_id, bob.getUserId(), "come in");
    const invited = await inRoom(bob, room_id, "invite");
    const reason = invited.getMember(bob.getUserId()).events.member.getContent().reason;
    await bob.joinRoom(room_id);
    await alice.kick(room_id, carol.getUserId(), "not you");
    await inRoom(carol, room_id, "leave");
    await inRoom(bob, room_id);
    return { knock, name, reason, again: await refusal(carol.joinRoom(room_id)) };
}

/** An upgraded room leads on to the new one, and both clients see one chain of rooms. */
export async function upgrade() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob], { name: "Old", topic: "Kept", room_version: "10" });
    const { replacement_room } = await alice.upgradeRoom(room_id, "11");
    const old = await when("the tombstone", () => {
        return bob.getRoom(room_id).currentState.getStateEvents("m.room.tombstone", "") && bob.getRoom(room_id);
    });
    await bob.joinRoom(replacement_room);
    const fresh = await inRoom(bob, replacement_room);
    const chain = bob.getRoomUpgradeHistory(replacement_room, true).map((room) => room.roomId);
    return {
        tombstone: old.currentState.getStateEvents("m.room.tombstone", "").getContent().replacement_room === replacement_room,
        predecessor: fresh.findPredecessor()?.roomId === room_id,
        chain: chain.length === 2 && chain[0] === room_id && chain[1] === replacement_room,
        name: fresh.name,
        topic: fresh.currentState.getStateEvents("m.room.topic", "").getContent().topic,
        version: fresh.getVersion(),
        visible: bob.getVisibleRooms().map((room) => room.name),
        locked: await refusal(bob.sendTextMessage(room_id, "is anybody there?")),
    };
}

/** Members are promoted, kicked, banned, unbanned; they leave and forget. */
export async function moderation() {
    const [alice, bob, carol] = [await arrive("alice"), await arrive("bob"), await arrive("carol")];
    const room_id = await gather(alice, [bob, carol]);
    await alice.setPowerLevel(room_id, bob.getUserId(), 50);
    await when("the power", () => bob.getRoom(room_id).getMember(bob.getUserId()).powerLevel === 50);
    const may = bob.getRoom(room_id).currentState.hasSufficientPowerLevelFor("ban", 50);
    await bob.ban(room_id, carol.getUserId(), "noise");
    await inRoom(carol, room_id, "ban");
    const banned = await refusal(carol.joinRoom(room_id));
    await bob.unban(room_id, carol.getUserId());
    await inRoom(carol, room_id, "leave");
    await carol.joinRoom(room_id);
    await inRoom(carol, room_id);
    await carol.leave(room_id);
    await inRoom(carol, room_id, "leave");
    await sees(bob, room_id, carol.getUserId(), "leave");
    await carol.forget(room_id);
    await bob.reportRoom(room_id, "too calm");
    const { event_id } = await alice.sendTextMessage(room_id, "buy this");
    await bob.reportEvent(room_id, event_id, -50, "advertising");
    const left = await refusal(carol.getStateEvent(room_id, "m.room.create", ""));
    return {
        may,
        banned,
        forgotten: carol.getRoom(room_id),
        left,
        joined: Object.keys((await alice.getJoinedRoomMembers(room_id)).joined).length,
        rooms: (await carol.getJoinedRooms()).joined_rooms,
        outsider: await refusal(carol.reportEvent(room_id, "$nothing", -1, "?")),
    };
}

/** A guest looks at a room that all the world may read, hears what is said, and joins where guests may. */
export async function guests() {
    const alice = await arrive("alice");
    const { room_id } = await alice.createRoom({ preset: "public_chat", name: "Shop window" });
    const before = await refusalOfPeek(room_id);
    await alice.setGuestAccess(room_id, { allowJoin: true, allowRead: true });
    const { event_id } = await alice.sendTextMessage(room_id, "welcome");
    const account = await stranger().registerGuest();
    const guest = stranger({ userId: account.user_id, accessToken: account.access_token, deviceId: account.device_id });
    guest.setGuest(true);
    await guest.startClient();
    try {
        const room = await guest.peekInRoom(room_id);
        const shown = room.getLiveTimeline().getEvents().some((event) => event.getId() === event_id);
        const later = await alice.sendTextMessage(room_id, "still open");
        await when("what is said meanwhile", () => room.findEventById(later.event_id));
        guest.stopPeeking();
        await guest.joinRoom(room_id);
        await inRoom(guest, room_id);
        return {
            before,
            name: room.name,
            shown,
            guest: (await guest.whoami()).is_guest,
            may_not: await refusal(guest.createRoom({})),
        };
    } finally {
        guest.stopClient();
    }
}

async function refusalOfPeek(roomId) {
    const account = await stranger().registerGuest();
    const guest = stranger({ userId: account.user_id, accessToken: account.access_token });
    guest.setGuest(true);
    return await refusal(guest.peekInRoom(roomId));
}
