// matrix-js-sdk syncing by its own SlidingSync.

import { obey } from "./commands.mjs";
import { when } from "./waiting.mjs";
import sdk, { ClientEvent, NotificationCountType } from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { SlidingSync, SlidingSyncEvent, SlidingSyncState } from "matrix-js-sdk/lib/sliding-sync.js";

logger.setLevel("error", false);

const LIST = {
    ranges: [[0, 1]],
    timeline_limit: 5,
    required_state: [
        ["m.room.name", ""],
        ["m.room.encryption", ""],
        ["m.room.member", "$LAZY"],
        ["m.room.member", "$ME"],
    ],
    filters: {},
};
let client;
let sliding;
// The IDs of the rooms of each answer, and whether the client took it in.
const answers = [];
const toDevice = new Map();

await obey({
    async start({ baseUrl, userId, accessToken, deviceId }) {
        client = sdk.createClient({ baseUrl, userId, accessToken, deviceId });
        client.on(ClientEvent.ToDeviceEvent, (event) => toDevice.set(event.getType(), event.getContent()));
        await client.initRustCrypto({ useIndexedDB: false });
        sliding = new SlidingSync(baseUrl, new Map([["top", LIST]]), { ...LIST, timeline_limit: 20 }, client, 10_000);
        sliding.on(SlidingSyncEvent.Lifecycle, (state, response) => {
            if (state === SlidingSyncState.Complete && response) answers.push(Object.keys(response.rooms));
        });
        await client.startClient({ slidingSync: sliding });
        await when("the first answer", () => answers.length > 0);
        return client.getSyncState();
    },

    async rooms() {
        return client.getRooms().map((room) => ({ id: room.roomId, name: room.name }));
    },

    async count() {
        return sliding.getListData("top").joinedCount;
    },

    async widen() {
        const before = answers.length;
        sliding.setListRanges("top", [[0, 9]]);
        await when("the wider list", () => answers.length > before);
        return client.getRooms().length;
    },

    async subscribe({ room_id }) {
        sliding.modifyRoomSubscriptions(new Set([room_id]));
        return await when("the older events", () => {
            const length = client.getRoom(room_id).getLiveTimeline().getEvents().length;
            return length > 5 ? length : 0;
        });
    },

    // The room that the last answer with a room was about, once the event is there.
    async message({ room_id, event_id }) {
        await when("the message", () => client.getRoom(room_id)?.findEventById(event_id));
        const last = answers.filter((rooms) => rooms.length).at(-1);
        const room = client.getRoom(room_id);
        return { rooms: last, bump: room.getBumpStamp(), unread: room.getUnreadNotificationCount(NotificationCountType.Total) };
    },

    async bumps() {
        return Object.fromEntries(client.getRooms().map((room) => [room.roomId, room.getBumpStamp()]));
    },

    async invite({ room_id }) {
        return await when("the invite", () => client.getRoom(room_id)?.getMyMembership() === "invite" && "invite");
    },

    async typing({ room_id, user_id }) {
        return await when("the typing", () => client.getRoom(room_id)?.getMember(user_id)?.typing);
    },

    async receipt({ room_id, user_id, event_id }) {
        return await when("the receipt", () => client.getRoom(room_id)?.getEventReadUpTo(user_id) === event_id);
    },

    async account_data({ kind }) {
        return await when("the account data", () => client.getAccountData(kind)?.getContent());
    },

    async to_device({ kind }) {
        return await when("the message to the device", () => toDevice.get(kind));
    },

    // Another user's devices, as the e2ee extension has told that they changed.
    async devices({ user_id }) {
        const devices = await client.getCrypto().getUserDeviceInfo([user_id], true);
        return [...(devices.get(user_id)?.keys() ?? [])];
    },
});
