// Every method of MatrixClient that asks a server something, once: whatever is refused is named, with the error code.

import { Filter, MatrixClient } from "matrix-js-sdk";
import { PASSWORD, arrive, gather, logInAs, stranger, when } from "../stage.mjs";

const asking = Object.entries(Object.getOwnPropertyDescriptors(MatrixClient.prototype))
    .filter(([name, { value }]) => name !== "constructor" && typeof value === "function")
    .filter(([, { value }]) => /this\.http\.(\w*[rR]equest|upload|identityServerRequest)/.test(value.toString()))
    .map(([name]) => name);

/** What asks for the password answers once it is given. */
async function proved(client, ask) {
    try {
        return await ask();
    } catch (error) {
        if (!error.data?.session) throw error;
        const identifier = { type: "m.id.user", user: client.getUserId() };
        return await ask({ type: "m.login.password", identifier, password: PASSWORD, session: error.data.session });
    }
}

export async function sweep({ server_name }) {
    const options = { crypto: true };
    const [alice, bob] = [await arrive("alice", options), await arrive("bob", options)];
    const [carol, leaver] = [await arrive("carol"), await arrive("dave")];
    const [A, B] = [alice, bob].map((client) => client.getUserId());
    const login = { identifier: { type: "m.id.user", user: B }, password: PASSWORD };
    const spare = await logInAs(A);
    const name = (word) => `${word}${Date.now()}`;
    const alias = `#${name("alias")}:${server_name}`;

    const room = await gather(alice, [bob], { name: "Swept", visibility: "public" });
    const space = await gather(alice, [], { creation_content: { type: "m.space" } });
    const door = await gather(alice, [], { initial_state: [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } }] });
    const { event_id: root } = await alice.sendTextMessage(room, "acorn");
    const event = await when("the message", () => bob.getRoom(room).findEventById(root));
    const { event_id: slip } = await alice.sendTextMessage(room, "a slip");
    const timelines = alice.getRoom(room).getUnfilteredTimelineSet();
    const delayed = async () => (await alice._unstable_sendDelayedEvent(room, { delay: 600_000 }, null, "m.room.message", { msgtype: "m.text", body: "later" })).delay_id;
    const member = { id: "x", claimed_device_id: alice.getDeviceId() };
    const call = { url: "wss://rtc.example.org", room_id: room, slot_id: "m.call#ROOM", member };
    const mail = (method) => () => alice[method]("a@example.org", "secret", 1);
    const phone = (method) => () => alice[method]("DE", "30123456", "secret", 1, "https://example.org");
    const refresh = await stranger().loginRequest({ type: "m.login.password", ...login, refresh_token: true });
    const filter = new Filter(A);
    filter.setDefinition({ room: { timeline: { limit: 4 } } });

    const calls = {
        // Before somebody is logged in.
        getVersions: () => stranger().getVersions(),
        loginFlows: () => stranger().loginFlows(),
        getAuthMetadata: () => stranger().getAuthMetadata(),
        isUsernameAvailable: () => stranger().isUsernameAvailable(name("free")),
        registerRequest: () => stranger().registerRequest({ username: name("new"), password: PASSWORD, auth: { type: "m.login.dummy" } }),
        login: () => stranger().login("m.login.password", login),
        loginRequest: () => stranger().loginRequest({ type: "m.login.password", ...login }),
        refreshToken: () => stranger().refreshToken(refresh.refresh_token),
        requestTokenFromEndpoint: mail("requestRegisterEmailToken"),
        requestRegisterMsisdnToken: phone("requestRegisterMsisdnToken"),
        requestPasswordEmailToken: mail("requestPasswordEmailToken"),
        // Who one is.
        whoami: () => alice.whoami(),
        fetchCapabilities: () => alice.fetchCapabilities(),
        getOpenIdToken: () => alice.getOpenIdToken(),
        requestLoginToken: () => proved(alice, (auth) => alice.requestLoginToken(auth)),
        getDevices: () => alice.getDevices(),
        getDevice: () => alice.getDevice(alice.getDeviceId()),
        setDeviceDetails: () => alice.setDeviceDetails(spare.getDeviceId(), { display_name: "Spare" }),
        deleteDevice: () => proved(alice, (auth) => alice.deleteDevice(spare.getDeviceId(), auth)),
        deleteMultipleDevices: () => proved(alice, (auth) => alice.deleteMultipleDevices([spare.getDeviceId()], auth)),
        getThreePids: () => alice.getThreePids(),
        requestAdd3pidEmailToken: mail("requestAdd3pidEmailToken"),
        addThreePidOnly: () => proved(alice, (auth) => alice.addThreePidOnly({ client_secret: "secret", sid: "1", auth })),
        bindThreePid: () => alice.bindThreePid({ client_secret: "secret", sid: "1", id_server: "127.0.0.1", id_access_token: "x" }),
        unbindThreePid: () => alice.unbindThreePid("email", "a@example.org"),
        deleteThreePid: () => alice.deleteThreePid("email", "a@example.org"),
        setPassword: () => proved(carol, (auth) => carol.setPassword(auth ?? {}, PASSWORD, false)),
        // What one keeps here, and how others see one.
        setAccountDataRaw: () => alice.setAccountDataRaw("x.kept", { a: 1 }),
        getAccountDataFromServer: () => alice.getAccountDataFromServer("m.push_rules"),
        createFilter: () => alice.createFilter({ room: { timeline: { limit: 3 } } }),
        getOrCreateFilter: () => alice.getOrCreateFilter("swept", filter),
        getFilter: async () => alice.getFilter(A, (await alice.createFilter({})).filterId, false),
        setProfileInfo: () => alice.setProfileInfo("displayname", { displayname: "Alice" }),
        getProfileInfo: () => bob.getProfileInfo(A),
        setExtendedProfileProperty: () => alice.setExtendedProfileProperty("m.tz", "Europe/Berlin"),
        getExtendedProfile: () => bob.getExtendedProfile(A),
        getExtendedProfileProperty: () => bob.getExtendedProfileProperty(A, "m.tz"),
        deleteExtendedProfileProperty: () => alice.deleteExtendedProfileProperty("m.tz"),
        patchExtendedProfile: () => alice.patchExtendedProfile({ "x.pet": "cat" }),
        setExtendedProfile: () => alice.setExtendedProfile({ "x.pet": "cat" }),
        setPresence: () => alice.setPresence({ presence: "online" }),
        getPresence: () => bob.getPresence(A),
        searchUserDirectory: () => bob.searchUserDirectory({ term: "alice", limit: 5 }),
        _unstable_getSharedRooms: () => alice._unstable_getSharedRooms(B),
        // Rooms.
        createRoom: () => alice.createRoom({}),
        joinRoom: () => carol.joinRoom(room, { viaServers: [server_name] }),
        knockRoom: () => carol.knockRoom(door, { reason: "it rains" }),
        roomState: () => alice.roomState(room),
        getStateEvent: () => alice.getStateEvent(room, "m.room.name", ""),
        sendStateEvent: () => alice.sendStateEvent(space, "m.space.child", { via: [server_name] }, room),
        members: () => alice.members(room, "join"),
        getJoinedRooms: () => alice.getJoinedRooms(),
        getJoinedRoomMembers: () => alice.getJoinedRoomMembers(room),
        roomInitialSync: () => alice.roomInitialSync(room, 3),
        getRoomSummary: () => carol.getRoomSummary(room, [server_name]),
        getRoomHierarchy: () => alice.getRoomHierarchy(space, 5, 2, true),
        publicRooms: () => alice.publicRooms({ server: server_name, limit: 2, filter: { generic_search_term: "swept", room_types: [null] } }),
        createAlias: () => alice.createAlias(alias, room),
        getLocalAliases: () => alice.getLocalAliases(room),
        getRoomIdForAlias: () => bob.getRoomIdForAlias(alias),
        deleteAlias: () => alice.deleteAlias(alias),
        getRoomDirectoryVisibility: () => bob.getRoomDirectoryVisibility(room),
        setRoomDirectoryVisibility: () => alice.setRoomDirectoryVisibility(room, "private"),
        setRoomTag: () => alice.setRoomTag(room, "m.favourite", { order: 0.5 }),
        getRoomTags: () => alice.getRoomTags(room),
        deleteRoomTag: () => alice.deleteRoomTag(room, "m.favourite"),
        setRoomAccountData: () => alice.setRoomAccountData(room, "x.kept", { a: 1 }),
        membershipChange: () => alice.invite(door, B, { reason: "come in" }),
        inviteByThreePid: () => alice.inviteByThreePid(room, "email", "a@example.org"),
        kick: () => alice.kick(door, B, "go"),
        unban: async () => (await alice.ban(door, B), alice.unban(door, B)),
        forget: async () => (await bob.joinRoom(room), await leaver.joinRoom(room), await leaver.leave(room), leaver.forget(room)),
        reportRoom: () => bob.reportRoom(room, "why"),
        // What is said in them.
        sendEventHttpRequest: () => alice.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: root, key: "+" } }),
        redactEvent: () => alice.redactEvent(room, slip, undefined, { reason: "a slip" }),
        fetchRoomEvent: () => bob.fetchRoomEvent(room, root),
        fetchRelations: () => bob.fetchRelations(room, root, "m.annotation", "m.reaction", { limit: 5, recurse: true }),
        createMessagesRequest: () => alice.createMessagesRequest(room, null, 5, "b"),
        createThreadListMessagesRequest: () => alice.createThreadListMessagesRequest(room, null, 5, "b", "Participated"),
        paginateEventTimeline: () => alice.paginateEventTimeline(timelines.getLiveTimeline(), { backwards: true, limit: 5 }),
        getEventContext: () => alice.getEventContext(room, root),
        getEventTimeline: () => alice.getEventTimeline(timelines, root),
        getLatestTimeline: () => alice.getLatestTimeline(timelines),
        timestampToEvent: () => alice.timestampToEvent(room, Date.now() - 600_000, "f"),
        search: () => alice.search({ body: { search_categories: { room_events: { search_term: "acorn", order_by: "recent", groupings: { group_by: [{ key: "room_id" }] } } } } }),
        sendReceipt: () => bob.sendReceipt(event, "m.read"),
        setRoomReadMarkersHttpRequest: () => bob.setRoomReadMarkersHttpRequest(room, root, root, root),
        sendTyping: () => bob.sendTyping(room, true, 1000),
        reportEvent: () => bob.reportEvent(room, root, -100, "why"),
        _unstable_sendDelayedStateEvent: () => alice._unstable_sendDelayedStateEvent(room, { delay: 600_000 }, "x.later", {}, "k"),
        _unstable_getDelayedEvents: () => alice._unstable_getDelayedEvents("scheduled"),
        _unstable_getDelayedEvent: async () => alice._unstable_getDelayedEvent(await delayed()),
        updateScheduledDelayedEvent: async () => alice._unstable_restartScheduledDelayedEvent(await delayed()),
        updateScheduledDelayedEventWithActionInBody: async () => alice._unstable_updateDelayedEvent(await delayed(), "cancel"),
        // Push.
        getPushRules: () => alice.getPushRules(),
        addPushRule: () => alice.addPushRule("global", "content", "oak", { pattern: "oak", actions: ["notify"] }),
        setPushRuleEnabled: () => alice.setPushRuleEnabled("global", "content", "oak", false),
        setPushRuleActions: () => alice.setPushRuleActions("global", "content", "oak", ["notify"]),
        deletePushRule: () => alice.deletePushRule("global", "content", "oak"),
        setPusher: () => alice.setPusher({ kind: "http", app_id: "app", pushkey: "key", app_display_name: "App", device_display_name: "Desk", lang: "en", data: { url: "https://push.example.org/_matrix/push/v1/notify" } }),
        getPushers: () => alice.getPushers(),
        removePusher: () => alice.removePusher("key", "app"),
        // Keys, and messages to devices.
        uploadKeysRequest: () => carol.uploadKeysRequest({ one_time_keys: {} }),
        uploadKeySignatures: () => alice.uploadKeySignatures({}),
        downloadKeysForUsers: () => alice.downloadKeysForUsers([A, B]),
        claimOneTimeKeys: () => alice.claimOneTimeKeys([[B, bob.getDeviceId()]], "signed_curve25519", 2000),
        getKeyChanges: () => alice.getKeyChanges(alice.store.getSyncToken(), alice.store.getSyncToken()),
        uploadDeviceSigningKeys: () => proved(carol, (auth) => carol.uploadDeviceSigningKeys(auth, {})),
        sendToDevice: () => alice.sendToDevice("x.hint", new Map([[B, new Map([["*", { a: 1 }]])]])),
        deleteKeysFromBackup: async () => {
            await alice.getCrypto().resetKeyBackup();
            await alice.deleteKeysFromBackup(room, undefined, (await alice.getCrypto().getKeyBackupInfo()).version);
        },
        // Calls, networks, and what else servers have.
        turnServer: () => alice.turnServer(),
        _unstable_getRTCTransports: () => alice._unstable_getRTCTransports(),
        _unstable_getLivekitToken: () => alice._unstable_getLivekitToken(call),
        _unstable_delegateDelayedLeave: async () => alice._unstable_delegateDelayedLeave({ ...call, delay_id: await delayed() }),
        getThirdpartyProtocols: () => alice.getThirdpartyProtocols(),
        getThirdpartyLocation: () => alice.getThirdpartyLocation("irc", {}),
        getThirdpartyUser: () => alice.getThirdpartyUser("irc", {}),
        slidingSync: () => alice.slidingSync({ lists: { all: { ranges: [[0, 1]], timeline_limit: 1, required_state: [] } } }),
        getMediaConfig: () => alice.getMediaConfig(true),
        getUrlPreview: () => alice.getUrlPreview("https://example.org", 0),
        uploadContent: () => alice.uploadContent("text", { type: "text/plain" }),
        // Ends.
        upgradeRoom: () => alice.upgradeRoom(space, "11"),
        deactivateAccount: () => proved(carol, (auth) => carol.deactivateAccount(auth, true)),
        logout: () => bob.logout(true),
    };
    const refused = {};
    for (const [method, ask] of Object.entries(calls)) {
        try {
            await ask();
        } catch (error) {
            refused[method] = error.errcode ?? String(error);
        }
    }
    return { refused, forgotten: asking.filter((method) => !(method in calls)).sort(), count: Object.keys(calls).length };
}
