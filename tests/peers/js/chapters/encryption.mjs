// Encryption: keys that sign one another, secrets and keys kept by the server, and devices that are asleep.

import { decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/index.js";
import { RustBackupManager } from "matrix-js-sdk/lib/rust-crypto/backup.js";
import { arrive, arrives, inRoom, logInAs, PASSWORD, refusal, when } from "../stage.mjs";

// The SDK waits for some seconds, by chance, before it uploads keys: lest all clients do it at once.
RustBackupManager.maxBackupLoopStartDelayMillis = 0;

/** What a user's client needs to be asked of a user: the key of the secret storage. */
function safe() {
    const kept = { key: null };
    kept.callbacks = {
        getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], kept.key],
        cacheSecretStorageKey: () => {},
    };
    return kept;
}

function password(userId) {
    return async (request) => {
        const auth = { type: "m.login.password", identifier: { type: "m.id.user", user: userId }, password: PASSWORD };
        try {
            return await request(null);
        } catch (error) {
            if (error.httpStatus !== 401) throw error;
            return await request({ ...auth, session: error.data.session });
        }
    };
}

async function reads(crypto, event) {
    return await when("the message is read", async () => {
        if (event.shouldAttemptDecryption() || event.isDecryptionFailure()) await event.attemptDecryption(crypto, { isRetry: true });
        return !event.isDecryptionFailure() && event.getClearContent()?.body;
    });
}

/** Cross-signing, secret storage and a backup are set up on one device and used by the next, which reads what was said before it. */
export async function recovery() {
    const kept = safe();
    const alice = await arrive("alice", { crypto: true, callbacks: kept.callbacks });
    const crypto = alice.getCrypto();
    await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: password(alice.getUserId()) });
    const recovery = await crypto.createRecoveryKeyFromPassphrase();
    kept.key = recovery.privateKey;
    await crypto.bootstrapSecretStorage({
        createSecretStorageKey: async () => recovery,
        setupNewKeyBackup: true,
        setupNewSecretStorage: true,
    });
    const { room_id } = await alice.createRoom({
        preset: "private_chat",
        initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
    });
    await when("the room is encrypted", async () => alice.getRoom(room_id) && (await crypto.isEncryptionEnabledInRoom(room_id)));
    let remaining = null;
    alice.on("crypto.keyBackupSessionsRemaining", (count) => (remaining = count));
    const { event_id } = await alice.sendTextMessage(room_id, "under the oak");
    await when("the key is in the backup", () => remaining === 0);
    const backup = await crypto.getKeyBackupInfo();
    const first = {
        ready: await crypto.isCrossSigningReady(),
        storage: await crypto.isSecretStorageReady(),
        version: (await crypto.getActiveSessionBackupVersion()) === backup.version,
    };
    alice.stopClient();

    const phone = await logInAs(alice.getUserId(), { crypto: true, callbacks: kept.callbacks });
    const later = phone.getCrypto();
    kept.key = decodeRecoveryKey(recovery.encodedPrivateKey);
    const before = (await later.getDeviceVerificationStatus(alice.getUserId(), phone.getDeviceId()))?.crossSigningVerified;
    await later.userHasCrossSigningKeys(alice.getUserId(), true);
    await later.bootstrapCrossSigning({ authUploadDeviceSigningKeys: password(alice.getUserId()) });
    await later.loadSessionBackupPrivateKeyFromSecretStorage();
    const restored = await later.restoreKeyBackup();
    const event = await arrives(phone, room_id, event_id);
    const body = await reads(later, event);
    const trusted = await when("the new device is trusted", async () => {
        const status = await later.getDeviceVerificationStatus(alice.getUserId(), phone.getDeviceId());
        return status?.crossSigningVerified;
    });
    await later.deleteKeyBackupVersion(backup.version);
    return { first, before, restored: [restored.total, restored.imported], body, trusted, after: await later.getKeyBackupInfo() };
}

/** A message for a device that sleeps at the server is found by the one that wakes it. */
export async function dehydration() {
    const kept = safe();
    const alice = await arrive("alice", { crypto: true, callbacks: kept.callbacks });
    const crypto = alice.getCrypto();
    await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: password(alice.getUserId()) });
    const recovery = await crypto.createRecoveryKeyFromPassphrase();
    kept.key = recovery.privateKey;
    await crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => recovery, setupNewSecretStorage: true });
    const supported = await crypto.isDehydrationSupported();
    await crypto.startDehydration();
    const bob = await arrive("bob", { crypto: true });
    const { room_id } = await bob.createRoom({
        preset: "private_chat",
        invite: [alice.getUserId()],
        initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
    });
    await inRoom(alice, room_id, "invite");
    await alice.joinRoom(room_id);
    await when("bob sees alice", () => bob.getRoom(room_id)?.getMember(alice.getUserId())?.membership === "join");
    const devices = (await bob.getCrypto().getUserDeviceInfo([alice.getUserId()], true)).get(alice.getUserId());
    const dehydrated = [...devices.values()].filter((device) => device.dehydrated).length;
    // Her only device goes: the one at the server is all that is left to send keys to.
    await alice.logout(true);
    await when("bob knows", async () => {
        return (await bob.getCrypto().getUserDeviceInfo([alice.getUserId()], true)).get(alice.getUserId()).size === 1;
    });
    const { event_id } = await bob.sendTextMessage(room_id, "while you slept");
    const phone = await logInAs(alice.getUserId(), { crypto: true, callbacks: kept.callbacks });
    await phone.getCrypto().userHasCrossSigningKeys(alice.getUserId(), true);
    await phone.getCrypto().bootstrapCrossSigning({ authUploadDeviceSigningKeys: password(alice.getUserId()) });
    await phone.getCrypto().startDehydration();
    const event = await arrives(phone, room_id, event_id);
    const body = await reads(phone.getCrypto(), event);
    return { supported, dehydrated, body };
}

/** Two devices of one user verify each other by comparing emoji. */
export async function verification() {
    const alice = await arrive("alice", { crypto: true });
    await alice.getCrypto().bootstrapCrossSigning({ authUploadDeviceSigningKeys: password(alice.getUserId()) });
    const phone = await logInAs(alice.getUserId(), { crypto: true });
    await when("alice knows the phone", async () => {
        return (await alice.getCrypto().getUserDeviceInfo([alice.getUserId()], true)).get(alice.getUserId()).has(phone.getDeviceId());
    });
    let received;
    alice.on("crypto.verificationRequestReceived", (request) => (received = request));
    const asked = await phone.getCrypto().requestOwnUserVerification();
    await when("the request", () => received);
    await received.accept();
    await when("both are ready", () => asked.phase === 3);
    const his = await asked.startVerification("m.sas.v1");
    const shown = { phone: null, alice: null };
    his.on("show_sas", (sas) => ((shown.phone = sas.sas.emoji), sas.confirm()));
    const ending = [his.verify()];
    const hers = await when("the other side", () => received.verifier);
    hers.on("show_sas", (sas) => ((shown.alice = sas.sas.emoji), sas.confirm()));
    ending.push(hers.verify());
    await Promise.all(ending);
    await when("the request is done", () => asked.phase === 6 && received.phase === 6);
    const trusted = await when("the phone is trusted", async () => {
        const status = await alice.getCrypto().getDeviceVerificationStatus(alice.getUserId(), phone.getDeviceId());
        return status?.crossSigningVerified;
    });
    const secrets = await when("the phone has the secrets", async () => {
        return (await phone.getCrypto().getCrossSigningStatus()).privateKeysCachedLocally.masterKey;
    });
    return { same: JSON.stringify(shown.phone) === JSON.stringify(shown.alice) && shown.phone.length, trusted, secrets };
}
