// matrix-js-sdk with its Rust crypto as a client that a test drives.

import { obey } from "./commands.mjs";
import { WAIT_MS } from "./waiting.mjs";
import sdk, { ClientEvent, MatrixEventEvent, RoomEvent, RoomMemberEvent } from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";

logger.setLevel("error", false);
let client;

/** The first truthy answer of `look`, asked now and whenever one of the client's `events` fires. */
function when(what, events, look) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => finish(() => reject(new Error(`${what}: not in time`))), WAIT_MS);
        const check = () => {
            const answer = look();
            if (answer) finish(() => resolve(answer));
        };
        const finish = (act) => {
            clearTimeout(timer);
            for (const event of events) client.off(event, check);
            act();
        };
        for (const event of events) client.on(event, check);
        check();
    });
}

function membershipIn(roomId) {
    return client.getRoom(roomId)?.getMyMembership();
}

async function knowsEncryption(roomId) {
    await when("the encrypted room", [ClientEvent.Room, ClientEvent.Sync], () => {
        return membershipIn(roomId) === "join" && client.getRoom(roomId).hasEncryptionStateEvent();
    });
}

await obey({
    async register({ baseUrl, username, password }) {
        const door = sdk.createClient({ baseUrl });
        const account = await door.registerRequest({ username, password, auth: { type: "m.login.dummy" } });
        client = sdk.createClient({
            baseUrl,
            userId: account.user_id,
            deviceId: account.device_id,
            accessToken: account.access_token,
        });
        await client.initRustCrypto({ useIndexedDB: false });
        await client.startClient({ initialSyncLimit: 30 });
        await when("the first sync", [ClientEvent.Sync], () => client.isInitialSyncComplete());
        return account.user_id;
    },

    async create_encrypted_room({ invited }) {
        const { room_id } = await client.createRoom({
            preset: "private_chat",
            invite: [invited],
            initial_state: [
                { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
            ],
        });
        await knowsEncryption(room_id);
        return room_id;
    },

    async accept_invite({ room_id }) {
        await when("the invite", [RoomEvent.MyMembership, ClientEvent.Room], () => membershipIn(room_id) === "invite");
        await client.joinRoom(room_id);
        await knowsEncryption(room_id);
        return room_id;
    },

    async wait_for_member({ room_id, user_id }) {
        await when("the member", [RoomMemberEvent.Membership, ClientEvent.Sync], () => {
            return client.getRoom(room_id)?.getMember(user_id)?.membership === "join";
        });
        // Asks their server for their devices, as a client's screen would.
        const devices = await client.getCrypto().getUserDeviceInfo([user_id], true);
        if (!devices.get(user_id)?.size) throw new Error(`${user_id} has no devices`);
        return user_id;
    },

    async send({ room_id, text }) {
        const { event_id } = await client.sendTextMessage(room_id, text);
        return event_id;
    },

    async read({ room_id, event_id }) {
        const event = await when("the message", [RoomEvent.Timeline, MatrixEventEvent.Decrypted], () => {
            const found = client.getRoom(room_id)?.findEventById(event_id);
            const readable = found?.isEncrypted() && !found.isDecryptionFailure() && found.getClearContent();
            return readable ? found : null;
        });
        return event.getContent().body;
    },

    async close() {
        client?.stopClient();
        setImmediate(() => process.exit(0));
        return null;
    },
});
