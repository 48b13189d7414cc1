// What is said in rooms: edits, reactions, redactions, history, search, and what is sent later.

import { EventTimeline, TimelineWindow } from "matrix-js-sdk";
import { arrive, arrives, gather, inRoom, logInAs, refusal, when } from "../stage.mjs";

const text = (body) => ({ msgtype: "m.text", body });

/** An edit replaces, reactions are counted, a redaction empties; those who come later see the same. */
export async function relations() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob]);
    const { event_id } = await alice.sendTextMessage(room_id, "helo");
    const edit = await alice.sendMessage(room_id, {
        ...text("* hello"),
        "m.new_content": text("hello"),
        "m.relates_to": { rel_type: "m.replace", event_id },
    });
    const reactions = [];
    for (const [client, key] of [[alice, "👍"], [bob, "👍"], [bob, "🌳"]]) {
        const content = { "m.relates_to": { rel_type: "m.annotation", event_id, key } };
        reactions.push((await client.sendEvent(room_id, "m.reaction", content)).event_id);
    }
    const twice = await refusal(
        bob.sendEvent(room_id, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id, key: "🌳" } }),
    );
    const { event_id: gone } = await bob.sendTextMessage(room_id, "never mind");
    await bob.redactEvent(room_id, gone, undefined, { reason: "typo" });
    await bob.redactEvent(room_id, reactions[2]);

    const seen = async (client) => {
        const event = await arrives(client, room_id, event_id);
        const room = client.getRoom(room_id);
        await when("the redaction", () => room.findEventById(gone)?.isRedacted());
        const sorted = await when("the reactions", () => {
            const found = room.relations.getChildEventsForEvent(event_id, "m.annotation", "m.reaction");
            // What the client failed to send stays in its own view, for the user to try again.
            const sent = (events) => [...events].filter((each) => !each.status);
            const keys = found?.getSortedAnnotationsByKey().map(([key, events]) => [key, sent(events)]);
            const used = keys?.filter(([, events]) => events.length);
            return used?.length === 1 && used[0][1].length === 2 && used;
        });
        return {
            body: event.getContent().body,
            edited: event.replacingEventId() === edit.event_id,
            reactions: sorted.map(([key, events]) => [key, events.length]),
            redacted: room.findEventById(gone).getUnsigned().redacted_because.content.reason,
        };
    };
    const late = await arrive("late");
    await late.joinRoom(room_id);
    await inRoom(late, room_id);
    const page = await alice.relations(room_id, event_id, "m.annotation", "m.reaction", { limit: 1 });
    const rest = await alice.relations(room_id, event_id, "m.annotation", "m.reaction", { limit: 5, from: page.nextBatch });
    const edits = await alice.relations(room_id, event_id, "m.replace", "m.room.message");
    return {
        alice: await seen(alice),
        bob: await seen(bob),
        late: await seen(late),
        twice,
        pages: [page.events.length, rest.events.length],
        original: edits.originalEvent.getId() === event_id,
        edits: edits.events.map((event) => event.getId() === edit.event_id),
    };
}

/** A window over the history reaches its beginning; any message is found with what surrounds it, and by its day. */
export async function history() {
    const alice = await arrive("alice");
    const { room_id } = await alice.createRoom({ preset: "public_chat" });
    const ids = [];
    for (let number = 0; number < 40; number += 1) ids.push((await alice.sendTextMessage(room_id, `${number}`)).event_id);
    const bob = await arrive("bob");
    await bob.joinRoom(room_id);
    const room = await inRoom(bob, room_id);
    await arrives(bob, room_id, ids[39]);
    const set = room.getUnfilteredTimelineSet();

    const window = new TimelineWindow(bob, set, { windowLimit: 100 });
    await window.load(undefined, 10);
    while (window.canPaginate(EventTimeline.BACKWARDS)) await window.paginate(EventTimeline.BACKWARDS, 15);
    const bodies = window.getEvents().map((event) => event.getContent().body).filter((body) => body);
    const first = window.getEvents()[0].getType();

    // Another client has none of it, and asks for the middle.
    const carol = await arrive("carol", { start: { initialSyncLimit: 2 } });
    await carol.joinRoom(room_id);
    const hers = (await inRoom(carol, room_id)).getUnfilteredTimelineSet();
    const around = await carol.getEventTimeline(hers, ids[10]);
    for (const backwards of [false, true]) await carol.paginateEventTimeline(around, { backwards, limit: 3 });
    const middle = around.getEvents().map((event) => ids.indexOf(event.getId()));
    const { event_id: found } = await carol.timestampToEvent(room_id, (await arrives(alice, room_id, ids[20])).getTs(), "f");
    const both = new TimelineWindow(carol, hers, { windowLimit: 100 });
    await both.load(ids[10], 4);
    for (const direction of [EventTimeline.FORWARDS, EventTimeline.BACKWARDS]) {
        while (both.canPaginate(direction)) await both.paginate(direction, 15);
    }
    const whole = both.getEvents();
    return {
        bodies: bodies.length,
        in_order: bodies.every((body, number) => body === String(number)),
        first,
        middle,
        found: ids.indexOf(found) <= 20 && ids.indexOf(found) > 0,
        whole: [whole[0].getType(), whole.filter((event) => event.getContent().body).length, new Set(whole).size === whole.length],
        too_early: await refusal(carol.timestampToEvent(room_id, 1, "b")),
    };
}

/** Messages are found by their words, page by page, with what surrounds them, and only by those who may see them. */
export async function search() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const { room_id } = await alice.createRoom({ preset: "private_chat", invite: [bob.getUserId()] });
    await inRoom(alice, room_id);
    for (let number = 0; number < 13; number += 1) {
        await alice.sendTextMessage(room_id, `acorn number ${number}`);
        await alice.sendTextMessage(room_id, `leaf ${number}`);
    }
    await alice.sendTextMessage(room_id, "我们在橡树下见面");
    const simple = await when("the index", async () => {
        const found = await alice.searchMessageText({ query: "acorn" });
        return found.search_categories.room_events.count === 13 && found.search_categories.room_events;
    });
    const found = await alice.searchRoomEvents({ term: "acorn", filter: { rooms: [room_id], limit: 5 } });
    const first = found.results.length;
    const contexts = found.results[0].context.getTimeline().map((event) => event.getContent().body);
    await alice.backPaginateRoomEventsSearch(found);
    await alice.backPaginateRoomEventsSearch(found);
    const chinese = await when("the index", async () => {
        const answer = await alice.searchRoomEvents({ term: "橡树" });
        return answer.count === 1 && answer;
    });
    const outside = await bob.searchRoomEvents({ term: "acorn" });
    return {
        count: simple.count,
        first,
        all: found.results.length,
        total: found.count,
        highlights: found.highlights,
        around: contexts.some((body) => body.startsWith("leaf")),
        chinese: chinese.results[0].context.getEvent().getContent().body,
        outside: outside.count,
    };
}

/** Account data, tags and markers of one device are known to the other. */
export async function account_data() {
    const alice = await arrive("alice");
    const phone = await logInAs(alice.getUserId());
    const { room_id } = await alice.createRoom({ preset: "public_chat", name: "Tagged" });
    await inRoom(phone, room_id);
    await alice.setAccountData("x.colors", { favorite: "green" });
    await alice.setRoomTag(room_id, "m.favourite", { order: 0.25 });
    await alice.setRoomAccountData(room_id, "x.draft", { text: "dear" });
    await alice.sendStateEvent(room_id, "m.room.pinned_events", { pinned: ["$a"] }, "");
    const { event_id } = await alice.sendTextMessage(room_id, "read me");
    const event = await arrives(alice, room_id, event_id);
    await alice.setRoomReadMarkers(room_id, event_id, event);
    const room = phone.getRoom(room_id);
    const marker = await when("the marker", () => room.getAccountData("m.fully_read")?.getContent().event_id);
    const seen = {
        color: await when("the color", () => phone.getAccountData("x.colors")?.getContent().favorite),
        tags: await when("the tag", () => room.tags["m.favourite"] && room.tags),
        draft: await when("the draft", () => room.getAccountData("x.draft")?.getContent().text),
        pinned: room.getLiveTimeline().getState("f").getStateEvents("m.room.pinned_events", "").getContent().pinned,
        marker: marker === event_id,
        direct: await phone.getAccountDataFromServer("x.colors"),
        absent: await phone.getAccountDataFromServer("x.nothing"),
    };
    await alice.deleteRoomTag(room_id, "m.favourite");
    await alice.deleteAccountData("x.colors");
    await when("the tag to go", () => !room.tags["m.favourite"]);
    await when("the data to go", () => !phone.getAccountData("x.colors")?.getContent().favorite);
    return { ...seen, listed: (await alice.getRoomTags(room_id)).tags, after: await alice.getAccountDataFromServer("x.colors") };
}

/** Events wait until they are sent, sent at once, put off or taken back. */
export async function delayed_events() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob]);
    const later = async (body, delay) => {
        return (await alice._unstable_sendDelayedEvent(room_id, { delay }, null, "m.room.message", text(body))).delay_id;
    };
    const hurried = await later("at once", 600_000);
    const dropped = await later("never", 600_000);
    const state = await alice._unstable_sendDelayedStateEvent(room_id, { delay: 600_000 }, "m.room.topic", { topic: "later" });
    const scheduled = await alice._unstable_getDelayedEvents("scheduled");
    const one = await alice._unstable_getDelayedEvent(state.delay_id);
    await alice._unstable_sendScheduledDelayedEvent(hurried);
    await alice._unstable_cancelScheduledDelayedEvent(dropped);
    await alice._unstable_restartScheduledDelayedEvent(state.delay_id);
    await alice._unstable_updateDelayedEvent(state.delay_id, "send");
    const soon = await later("soon", 100);
    const room = bob.getRoom(room_id);
    const bodies = await when("both messages", () => {
        const found = room.getLiveTimeline().getEvents().map((event) => event.getContent().body).filter((body) => body);
        return found.length === 2 && found;
    });
    const topic = await when("the topic", () => room.currentState.getStateEvents("m.room.topic", "")?.getContent().topic);
    const ends = [];
    for (const id of [soon, hurried, dropped, state.delay_id]) {
        const { event_id, finalised_ts } = await alice._unstable_getDelayedEvent(id);
        ends.push([Boolean(event_id), Boolean(finalised_ts)]);
    }
    return {
        scheduled: scheduled.delayed_events.map((event) => event.content.body ?? event.content.topic),
        one: [one.type, one.delay_ms],
        bodies,
        topic,
        ends,
        unknown: await refusal(alice._unstable_cancelScheduledDelayedEvent("nothing")),
        foreign: await refusal(bob._unstable_getDelayedEvent(dropped)),
    };
}

/** A sticky event is known to those who come when it has left the timeline. */
export async function sticky_events() {
    const alice = await arrive("alice");
    const { room_id } = await alice.createRoom({ preset: "public_chat" });
    const content = { msc4354_sticky_key: "desk", here: true };
    const { event_id } = await alice._unstable_sendStickyEvent(room_id, 600_000, null, "x.presence_at_desk", content);
    for (let number = 0; number < 25; number += 1) await alice.sendTextMessage(room_id, `${number}`);
    const late = await arrive("late");
    await late.joinRoom(room_id);
    const room = await inRoom(late, room_id);
    const sticky = await when("the sticky event", () => [...room._unstable_getStickyEvents()][0]);
    return {
        same: sticky.getId() === event_id,
        in_timeline: room.getLiveTimeline().getEvents().some((event) => event.getId() === event_id),
        key: sticky.getContent().msc4354_sticky_key,
    };
}

/** Who is ignored is not heard; an invite of theirs is not seen. */
export async function ignored() {
    const [alice, bob, carol] = [await arrive("alice"), await arrive("bob"), await arrive("carol")];
    const room_id = await gather(alice, [bob, carol]);
    await alice.setIgnoredUsers([bob.getUserId()]);
    await when("the list", () => alice.isUserIgnored(bob.getUserId()));
    const { event_id: unheard } = await bob.sendTextMessage(room_id, "hey");
    const { room_id: unseen } = await bob.createRoom({ preset: "private_chat", invite: [alice.getUserId()] });
    const { event_id } = await carol.sendTextMessage(room_id, "hi");
    await arrives(alice, room_id, event_id);
    const room = alice.getRoom(room_id);
    const heard = Boolean(room.findEventById(unheard));
    const invited = Boolean(alice.getRoom(unseen));
    await alice.setIgnoredUsers([]);
    const { event_id: again } = await bob.sendTextMessage(room_id, "hello?");
    await arrives(alice, room_id, again);
    return { heard, invited, ignored: alice.getIgnoredUsers() };
}
