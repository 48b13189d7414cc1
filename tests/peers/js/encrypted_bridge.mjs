// A bridge made with the bot SDK whose ghosts encrypt: they log in as application services may, and never sync.

import { obey } from "./commands.mjs";
import { when } from "./waiting.mjs";
import sdk from "@vector-im/matrix-bot-sdk";

const { Appservice, LogLevel, LogService, RustSdkAppserviceCryptoStorageProvider, SimpleFsStorageProvider } = sdk;
LogService.setLogger({ ...Object.fromEntries(["info", "warn", "error", "debug", "trace"].map((level) => [level, console.error])) });
LogService.setLevel(LogLevel.WARN);

const decrypted = [];
const failed = [];
let bridge;
let directory;

await obey({
    async begin({ homeserverUrl, domain, as_token, hs_token, folder }) {
        directory = folder;
        const registration = {
            id: "encrypted",
            as_token,
            hs_token,
            sender_localpart: "_secret_bot",
            rate_limited: false,
            namespaces: { users: [{ exclusive: true, regex: "@_secret_.*" }], aliases: [], rooms: [] },
            "de.sorunome.msc2409.push_ephemeral": true,
            "org.matrix.msc3202": true,
        };
        bridge = new Appservice({
            homeserverUrl,
            homeserverName: domain,
            registration,
            storage: new SimpleFsStorageProvider(`${directory}/bridge.json`),
            cryptoStorage: new RustSdkAppserviceCryptoStorageProvider(`${directory}/crypto`, 0),
            intentOptions: { encryption: true },
        });
        bridge.on("room.decrypted_event", (room_id, event) => decrypted.push(event));
        bridge.on("room.failed_decryption", (room_id, event, error) => failed.push(String(error)));
        bridge.on("query.user", (user_id, create) => create({ display_name: "Secret" }));
        const server = bridge.expressAppInstance.listen(0, "127.0.0.1");
        await new Promise((resolve) => server.once("listening", resolve));
        return { ...registration, url: `http://127.0.0.1:${server.address().port}` };
    },

    // The bot and a ghost have keys that others find.
    async prepare({ who }) {
        await bridge.botIntent.enableEncryption();
        const intent = bridge.getIntentForSuffix(who);
        await intent.enableEncryption();
        return { ghost: intent.userId, bot: bridge.botUserId };
    },

    // The SDK asks the bot who else is in an encrypted room.
    async join({ who, room_id }) {
        const intent = bridge.getIntentForSuffix(who);
        await intent.joinRoom(room_id);
        await intent.underlyingClient.inviteUser(bridge.botUserId, room_id);
        await bridge.botIntent.joinRoom(room_id);
    },

    async say({ who, room_id, text }) {
        return await bridge.getIntentForSuffix(who).underlyingClient.sendText(room_id, text);
    },

    async heard({ text }) {
        const event = await when(text, () => {
            if (failed.length) throw new Error(failed.join("\n"));
            return decrypted.find((each) => each.content.body === text);
        });
        return event.sender;
    },
});
