// The bot SDK's crypto.  Its native package fetches itself from outside the registry, which not every machine reaches;
// the same Rust crypto is in the WebAssembly package, with a few other names.  Keys are in memory only.

const wasm = require("@matrix-org/matrix-sdk-crypto-wasm");

// What is given to WebAssembly is gone here.
const copies = (users) => users.map((user) => new wasm.UserId(user.toString()));
const anybody = () => new wasm.DecryptionSettings(wasm.TrustRequirement.Untrusted);
const told = (request) => ({
    id: request.id,
    type: request.type,
    body: request.body,
    eventType: request.event_type,
    txnId: request.txn_id,
});

class OlmMachine {
    static async initialize(userId, deviceId) {
        await wasm.initAsync();
        return new OlmMachine(await wasm.OlmMachine.initialize(userId, deviceId));
    }

    constructor(machine) {
        this.machine = machine;
    }

    get identityKeys() {
        return this.machine.identityKeys;
    }

    async outgoingRequests() {
        return (await this.machine.outgoingRequests()).map(told);
    }

    async markRequestAsSent(id, type, response) {
        return await this.machine.markRequestAsSent(id, type, response);
    }

    async updateTrackedUsers(users) {
        await this.machine.updateTrackedUsers(copies(users));
    }

    async getMissingSessions(users) {
        const request = await this.machine.getMissingSessions(copies(users));
        return request ? told(request) : null;
    }

    async shareRoomKey(roomId, users, settings) {
        return (await this.machine.shareRoomKey(roomId, copies(users), settings)).map(told);
    }

    async encryptRoomEvent(roomId, type, content) {
        return await this.machine.encryptRoomEvent(roomId, type, content);
    }

    async decryptRoomEvent(event, roomId) {
        return await this.machine.decryptRoomEvent(event, roomId, anybody());
    }

    async receiveSyncChanges(events, lists, counts, unused) {
        const seen = await this.machine.receiveSyncChanges(
            events,
            lists,
            new Map(Object.entries(counts)),
            new Set(unused),
            anybody(),
        );
        return JSON.stringify([seen.map((event) => JSON.parse(event.rawEvent)), []]);
    }
}

module.exports = { ...wasm, OlmMachine, StoreType: { Sqlite: 0 } };
