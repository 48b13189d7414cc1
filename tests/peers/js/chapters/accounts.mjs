// Accounts: logging in and out, devices, tokens, what the server says of itself.

import { InteractiveAuth } from "matrix-js-sdk";
import { arrive, logInAs, PASSWORD, refusal, stranger, when } from "../stage.mjs";

/** What a client asks a server before and after it logs in. */
export async function server_facts() {
    const door = stranger();
    const flows = (await door.loginFlows()).flows.map((flow) => flow.type);
    const free = await door.isUsernameAvailable(`free${Date.now()}`);
    const alice = await arrive("alice");
    const capabilities = await alice.getCapabilities();
    const openid = await alice.getOpenIdToken();
    const turn = await alice.turnServer();
    return {
        flows,
        free,
        taken: await door.isUsernameAvailable(alice.getUserIdLocalpart()),
        state: alice.getSyncState(),
        whoami: (await alice.whoami()).device_id === alice.getDeviceId(),
        room_versions: Object.keys(capabilities["m.room_versions"].available).length >= 12,
        capabilities: Object.keys(capabilities).filter((name) => name.startsWith("m.")).length > 3,
        versions: (await alice.getVersions()).versions.includes("v1.11"),
        openid: [openid.token_type, openid.matrix_server_name === alice.getDomain(), openid.expires_in > 0],
        turn: [turn.uris, turn.username.endsWith(alice.getUserId()), turn.ttl > 0],
        protocols: await alice.getThirdpartyProtocols(),
        threads: (await alice.doesServerSupportThread()).threads,
        well_known: (await alice.waitForClientWellKnown())["m.homeserver"] !== undefined,
        administrator: await alice.isSynapseAdministrator().catch((error) => error.httpStatus),
    };
}

/** Devices are named and deleted after the password was asked for; a deleted one is logged out. */
export async function devices() {
    const alice = await arrive("alice");
    const phone = await logInAs(alice.getUserId());
    const tablet = await logInAs(alice.getUserId());
    await alice.setDeviceDetails(phone.getDeviceId(), { display_name: "Phone" });
    const before = (await alice.getDevices()).devices.length;
    const named = (await alice.getDevice(phone.getDeviceId())).display_name;
    const gone = [];
    for (const client of [phone, tablet]) client.on("Session.logged_out", () => gone.push(client.getDeviceId()));
    const stages = [];
    await withPassword(alice, PASSWORD, stages, (auth) => alice.deleteMultipleDevices([phone.getDeviceId()], auth));
    await withPassword(alice, PASSWORD, stages, (auth) => alice.deleteDevice(tablet.getDeviceId(), auth));
    await when("both are logged out", () => gone.length === 2);
    return {
        before,
        named,
        stages,
        after: (await alice.getDevices()).devices.map((device) => device.device_id === alice.getDeviceId()),
        unknown: await refusal(alice.getDevice(phone.getDeviceId())),
    };
}

/** A new password logs the others out, and is the one that counts; then the account ends. */
export async function passwords() {
    const alice = await arrive("alice");
    const phone = await logInAs(alice.getUserId());
    const stages = [];
    await withPassword(alice, PASSWORD, stages, (auth) => alice.setPassword(auth, "a new one, quite long", true));
    const old = await refusal(logInAs(alice.getUserId()));
    const identifier = { type: "m.id.user", user: alice.getUserIdLocalpart() };
    const fresh = await stranger().login("m.login.password", { identifier, password: "a new one, quite long" });
    const after = await refusal(phone.whoami());
    await withPassword(alice, "a new one, quite long", stages, (auth) => alice.deactivateAccount(auth, true));
    const ended = stranger({ userId: fresh.user_id, accessToken: fresh.access_token });
    return { stages, old, after, ended: await refusal(ended.whoami()) };
}

/** A session gets new tokens for its old ones, which then end. */
export async function refreshing() {
    const alice = await arrive("alice");
    const identifier = { type: "m.id.user", user: alice.getUserId() };
    const account = await stranger().loginRequest({
        type: "m.login.password",
        identifier,
        password: PASSWORD,
        refresh_token: true,
    });
    const session = (token) => stranger({ userId: account.user_id, accessToken: token });
    const fresh = await stranger().refreshToken(account.refresh_token);
    const whoami = await session(fresh.access_token).whoami();
    const again = await stranger().refreshToken(fresh.refresh_token);
    return {
        expires: account.expires_in_ms > 0 && fresh.expires_in_ms > 0,
        same_device: whoami.device_id === account.device_id,
        renewed: again.access_token !== fresh.access_token,
        old: await refusal(session(account.access_token).whoami()),
        reused: await refusal(stranger().refreshToken(account.refresh_token)),
    };
}

/** Logging out ends the session. */
export async function logout() {
    const alice = await arrive("alice");
    const phone = await logInAs(alice.getUserId());
    await phone.logout(true);
    return { after: await refusal(phone.whoami()), others: (await alice.getDevices()).devices.length };
}

/** A client is let into its account on another device by a token that it asks for here. */
export async function login_tokens() {
    const alice = await arrive("alice");
    const stages = [];
    const granted = await withPassword(alice, PASSWORD, stages, (auth) => alice.requestLoginToken(auth));
    const account = await stranger().loginWithToken(granted.login_token);
    return {
        enabled: (await alice.getCapabilities())["m.get_login_token"]?.enabled,
        user: account.user_id === alice.getUserId(),
        again: await refusal(stranger().loginWithToken(granted.login_token)),
    };
}

/** What `request` answers in the end; the SDK's own interactive authentication asks for the password. */
async function withPassword(client, password, stages, request) {
    const identifier = { type: "m.id.user", user: client.getUserId() };
    const auth = new InteractiveAuth({
        matrixClient: client,
        doRequest: request,
        stateUpdated: (stage) => {
            stages.push(stage);
            auth.submitAuthDict({ type: "m.login.password", identifier, password });
        },
        requestEmailToken: async () => ({ sid: "" }),
    });
    return await auth.attemptAuth();
}
