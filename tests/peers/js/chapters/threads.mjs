// Threads: their list, their receipts, and what is counted in each.

import { NotificationCountType, ReceiptType, ThreadFilterType } from "matrix-js-sdk";
import { arrive, arrives, gather, inRoom, when } from "../stage.mjs";

const { Highlight, Total } = NotificationCountType;
const text = (body, mentions) => ({ msgtype: "m.text", body, "m.mentions": mentions ? { user_ids: mentions } : {} });

/** The ID of a new event in a thread, once everybody has it there: the SDK itself miscounts what comes all at once. */
async function reply(author, others, roomId, root, content) {
    const room = author.getRoom(roomId);
    // As an app does before it opens a thread.
    if (!room.getThread(root)) room.createThread(root, room.findEventById(root), [], false);
    const { event_id } = await author.sendMessage(roomId, root, content);
    for (const client of [author, ...others]) {
        await when("the reply", () => {
            const thread = client.getRoom(roomId).getThread(root);
            return thread?.initialEventsFetched && thread.timeline.some((event) => event.getId() === event_id && !event.status);
        });
    }
    return event_id;
}

/** Two threads as their authors and a latecomer see them. */
export async function threads() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob]);
    const { event_id: root } = await alice.sendTextMessage(room_id, "What shall we eat?");
    const { event_id: other } = await alice.sendTextMessage(room_id, "Where shall we meet?");
    await arrives(bob, room_id, other);
    const replies = [];
    for (const body of ["Soup", "Bread", "Cheese"]) replies.push(await reply(bob, [alice], room_id, root, text(body)));
    await reply(alice, [bob], room_id, other, text("At the oak"));
    const thread = alice.getRoom(room_id).getThread(root);

    const carol = await arrive("carol");
    await carol.joinRoom(room_id);
    const room = await inRoom(carol, room_id);
    await room.createThreadsTimelineSets();
    await room.fetchRoomThreads();
    const listed = () => room.getThreads().map((each) => each.id);
    await when("both threads", () => listed().length === 2);
    const hers = room.getThread(root);
    await when("its replies", () => hers.findEventById(replies[0]));
    // The oldest first.  Not from the SDK's own timeline of threads: that is ordered by what of each is fetched first.
    const all = await carol.createThreadListMessagesRequest(room_id, null, 10, "b", ThreadFilterType.All);
    const mine = await bob.createThreadListMessagesRequest(room_id, null, 10, "b", ThreadFilterType.My);
    return {
        alice: { length: thread.length, last: thread.replyToEvent.getContent().body, took_part: thread.hasCurrentUserParticipated },
        bob: { took_part: bob.getRoom(room_id).getThread(root).hasCurrentUserParticipated },
        carol: {
            listed: listed().length,
            order: all.chunk.map((event) => event.event_id === root),
            length: hers.length,
            bodies: hers.events.map((event) => event.getContent().body),
            took_part: hers.hasCurrentUserParticipated,
        },
        main_timeline: room.getLiveTimeline().getEvents().filter((event) => event.getType() === "m.room.message").length,
        bobs: mine.chunk.map((event) => event.event_id === root),
    };
}

/** Unread messages are counted in their threads; a receipt in one leaves the other. */
export async function thread_counts() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob]);
    const { event_id: first } = await alice.sendTextMessage(room_id, "One");
    const { event_id: second } = await alice.sendTextMessage(room_id, "Two");
    await arrives(bob, room_id, second);
    const room = bob.getRoom(room_id);
    await bob.sendReadReceipt(await arrives(bob, room_id, second));
    await reply(alice, [bob], room_id, first, text("in one"));
    const mention = await reply(alice, [bob], room_id, first, text("you there", [bob.getUserId()]));
    const last = await reply(alice, [bob], room_id, second, text("in two"));
    await alice.sendTextMessage(room_id, "outside");
    const count = (thread, type) => room.getThreadUnreadNotificationCount(thread, type);
    await when("the counts", () => count(second, Total) === 1 && room.getRoomUnreadNotificationCount(Total) === 1);
    const before = {
        first: [count(first, Total), count(first, Highlight)],
        second: [count(second, Total), count(second, Highlight)],
        main: room.getRoomUnreadNotificationCount(Total),
        room: [room.getUnreadNotificationCount(Total), room.getUnreadNotificationCount(Highlight)],
    };
    await bob.sendReadReceipt(room.getThread(first).findEventById(mention));
    await when("the first thread is read", () => count(first, Total) === 0 && count(first, Highlight) === 0);
    const after = { first: count(first, Total), second: count(second, Total), main: room.getRoomUnreadNotificationCount(Total) };
    const read = await when("alice sees it", () => {
        return alice.getRoom(room_id).getThread(first)?.getEventReadUpTo(bob.getUserId(), true) === mention;
    });
    // One receipt for all of it.
    await bob.sendReadReceipt(room.getThread(second).findEventById(last), ReceiptType.Read, true);
    await when("the second thread is read", () => count(second, Total) === 0);
    return { before, after, read };
}

/** Public receipts are seen, private ones only count for oneself. */
export async function receipts() {
    const [alice, bob, carol] = [await arrive("alice"), await arrive("bob"), await arrive("carol")];
    const room_id = await gather(alice, [bob, carol]);
    const { event_id } = await alice.sendTextMessage(room_id, "anybody?");
    await bob.sendReadReceipt(await arrives(bob, room_id, event_id));
    const { event_id: second } = await alice.sendTextMessage(room_id, "hello?");
    await carol.sendReadReceipt(await arrives(carol, room_id, second), ReceiptType.ReadPrivate);
    const unread = () => carol.getRoom(room_id).getUnreadNotificationCount(Total);
    await when("nothing is unread", () => unread() === 0);
    const room = alice.getRoom(room_id);
    await when("the receipt", () => room.getEventReadUpTo(bob.getUserId()) === event_id);
    const readers = (id) => room.getUsersReadUpTo(room.findEventById(id)).map((user) => [alice, bob, carol].findIndex((client) => client.getUserId() === user));
    const before = { first: readers(event_id), second: readers(second) };
    const { event_id: third } = await bob.sendTextMessage(room_id, "here");
    await arrives(alice, room_id, third);
    return {
        before,
        carols: carol.getRoom(room_id).getEventReadUpTo(carol.getUserId()) === second,
        moved: await when("the receipt of speaking", () => room.getEventReadUpTo(bob.getUserId()) === third),
    };
}
