// A bridge made with matrix-appservice-bridge: its ghosts and portals come to be when somebody asks for them.

import { obey } from "./commands.mjs";
import { when } from "./waiting.mjs";
import { AppServiceRegistration, Bridge, Logger } from "matrix-appservice-bridge";

Logger.configure({ console: "off" });

const seen = [];
const ephemeral = [];
const asked = [];
let bridge;

const controller = {
    onUserQuery(user) {
        asked.push(user.getId());
        return user.getId().includes("nobody") ? null : { name: "Made for you" };
    },
    onAliasQuery(alias, localpart) {
        asked.push(alias);
        if (alias.includes("nowhere")) return null;
        return { creationOpts: { room_alias_name: localpart, preset: "public_chat", name: "Portal" } };
    },
    onEvent(request) {
        const event = request.getData();
        seen.push(event);
        const isOwn = event.type === "m.room.member" && event.state_key.startsWith("@_bridge_");
        if (isOwn && event.content.membership === "invite") return bridge.getIntent(event.state_key).join(event.room_id);
    },
    onEphemeralEvent: (request) => void ephemeral.push(request.getData()),
    thirdPartyLookup: {
        protocols: ["irc"],
        getProtocol: () => ({
            user_fields: ["nick"],
            location_fields: ["channel"],
            icon: "mxc://example.org/icon",
            field_types: {
                nick: { regexp: ".+", placeholder: "nick" },
                channel: { regexp: "#.+", placeholder: "#channel" },
            },
            instances: [{ network_id: "net", desc: "Net", fields: {}, icon: "mxc://example.org/icon" }],
        }),
        getLocation: (protocol, fields) => [{ alias: "#_bridge_tea:here", protocol, fields }],
        getUser: (protocol, fields) => [{ userid: "@_bridge_ann:here", protocol, fields }],
    },
};

const ghost = (name) => bridge.getIntentFromLocalpart(`_bridge_${name}`);

await obey({
    // It listens, at a port that it finds; the registration is the framework's own, but for the URL.
    async begin({ homeserverUrl, domain }) {
        const registration = new AppServiceRegistration(null);
        registration.setId(AppServiceRegistration.generateToken());
        registration.setHomeserverToken(AppServiceRegistration.generateToken());
        registration.setAppServiceToken(AppServiceRegistration.generateToken());
        registration.setSenderLocalpart("_bridge_bot");
        registration.setRateLimited(false);
        registration.setProtocols(["irc"]);
        registration.addRegexPattern("users", "@_bridge_.*", true);
        registration.addRegexPattern("aliases", "#_bridge_.*", true);
        registration.pushEphemeral = true;
        registration.setAppServiceUrl("http://127.0.0.1");
        bridge = new Bridge({ homeserverUrl, domain, registration, controller, disableStores: true, suppressEcho: true });
        await bridge.initialise();
        await bridge.listen(0, "127.0.0.1");
        return { ...registration.getOutput(), url: `http://127.0.0.1:${bridge.appService.server.address().port}` };
    },

    async ping() {
        const { room_id } = await bridge.getIntent().createRoom({ createAsClient: false, options: {} });
        return (await bridge.pingAppserviceRoute(room_id)) >= 0;
    },

    async joined({ who, room_id }) {
        await when("the ghost is in", async () => (await ghost(who).matrixClient.getJoinedRooms()).includes(room_id));
    },

    async say({ who, room_id, text }) {
        return (await ghost(who).sendText(room_id, text)).event_id;
    },

    async dress({ who, room_id, displayname }) {
        const intent = ghost(who);
        await intent.setDisplayName(displayname);
        await intent.setPresence("online", "typing away");
        await intent.sendTyping(room_id, true);
        return await intent.getProfileInfo(intent.userId);
    },

    async read({ who, room_id, event_id }) {
        await ghost(who).sendReadReceipt(room_id, event_id);
    },

    // The bot may do what its power allows, and not more.
    async rule({ room_id, user_id, topic }) {
        const bot = bridge.getIntent();
        await bot.setRoomTopic(room_id, topic);
        await bot.setPowerLevel(room_id, user_id, 50);
        const levels = await bot.getStateEvent(room_id, "m.room.power_levels");
        return levels.users[user_id];
    },

    async heard({ text }) {
        const event = await when(text, () => seen.find((each) => each.content.body === text));
        return { sender: event.sender, room_id: event.room_id, id: event.event_id };
    },

    // What passes of one user: in which room they typed, what they read where, and whether they are there.
    async noticed({ user_id }) {
        const find = (type, holds) => when(`${type} of ${user_id}`, () => ephemeral.find((each) => each.type === type && holds(each)));
        const typing = await find("m.typing", (event) => event.content.user_ids.includes(user_id));
        const read = (event) => Object.keys(event.content).filter((id) => user_id in (event.content[id]["m.read"] ?? {}));
        const receipt = await find("m.receipt", (event) => read(event).length);
        const presence = await find("m.presence", (event) => event.sender === user_id);
        return { typing: typing.room_id, receipt: [receipt.room_id, read(receipt)], presence: presence.content.presence };
    },

    async texts() {
        return seen.filter((each) => each.type === "m.room.message").map((each) => each.content.body);
    },

    async asked() {
        return asked;
    },
});
