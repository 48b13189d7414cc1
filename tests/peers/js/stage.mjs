// What every chapter plays on: people with a matrix-js-sdk client each, on one server, who leave when the chapter ends.

import sdk from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { when } from "./waiting.mjs";

export { when };

logger.setLevel("error", false);

export const PASSWORD = "correct horse battery staple";
const present = new Set();
let url;
let serial = 0;

export function playAt(baseUrl) {
    url = baseUrl;
}

/** A client that speaks for nobody yet. */
export function stranger(options = {}) {
    return sdk.createClient({ baseUrl: url, ...options });
}

/** A new user, `name` and a number, whose client syncs. */
export async function arrive(name, options = {}) {
    serial += 1;
    const answer = await stranger().registerRequest({
        username: `${name}${serial}`,
        password: PASSWORD,
        auth: { type: "m.login.dummy" },
    });
    return await enter(answer, options);
}

/** A new user whose client does not sync: one of many. */
export async function pass(name) {
    serial += 1;
    const answer = await stranger().registerRequest({
        username: `${name}${serial}`,
        password: PASSWORD,
        auth: { type: "m.login.dummy" },
    });
    return stranger({ userId: answer.user_id, deviceId: answer.device_id, accessToken: answer.access_token });
}

/** One more device of a user there is. */
export async function logInAs(userId, options = {}) {
    const identifier = { type: "m.id.user", user: userId };
    return await enter(await stranger().login("m.login.password", { identifier, password: PASSWORD }), options);
}

/** `options`: `crypto`: with the Rust crypto; `callbacks`: its `cryptoCallbacks`; `start`: of `startClient`. */
async function enter(account, { crypto = false, callbacks = {}, start = {} }) {
    const client = stranger({
        userId: account.user_id,
        deviceId: account.device_id,
        accessToken: account.access_token,
        cryptoCallbacks: callbacks,
        timelineSupport: true,
    });
    present.add(client);
    if (crypto) await client.initRustCrypto({ useIndexedDB: false });
    await client.startClient({ initialSyncLimit: 20, threadSupport: true, lazyLoadMembers: true, ...start });
    await when("the first sync", () => client.isInitialSyncComplete());
    return client;
}

export function everybodyLeaves() {
    for (const client of present) client.stopClient();
    present.clear();
}

/** The room as `client` knows it, once it is in the room. */
export async function inRoom(client, roomId, membership = "join") {
    return await when(`${membership} of ${roomId}`, () => {
        const room = client.getRoom(roomId);
        return room?.getMyMembership() === membership && room;
    });
}

/** A room of the first, which the others have joined; all of them know it. */
export async function gather(host, guests, content = {}) {
    const { room_id } = await host.createRoom({ preset: "public_chat", ...content });
    await inRoom(host, room_id);
    for (const guest of guests) {
        await guest.joinRoom(room_id);
        await inRoom(guest, room_id);
    }
    for (const guest of guests) await sees(host, room_id, guest.getUserId());
    return room_id;
}

/** `client` sees the user as a member of the room. */
export async function sees(client, roomId, userId, membership = "join") {
    return await when(`${userId} as ${membership}`, () => {
        const member = client.getRoom(roomId)?.getMember(userId);
        return member?.membership === membership && member;
    });
}

/** The event as `client` has it from its sync. */
export async function arrives(client, roomId, eventId) {
    return await when(`${eventId} arrives`, () => {
        const event = client.getRoom(roomId)?.findEventById(eventId);
        return event && !event.status && event;
    });
}

/** What a refused request says: its error code. */
export async function refusal(promise) {
    try {
        await promise;
    } catch (error) {
        return error.errcode ?? String(error);
    }
    return null;
}
