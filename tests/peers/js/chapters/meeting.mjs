// Two devices meet, of which one is not logged in: the SDK's sign-in with a QR code, as far as it is about meeting.

import { QrCodeData } from "@matrix-org/matrix-sdk-crypto-wasm";
import { MSC4108RendezvousSession, MSC4108SecureChannel, MSC4108SignInWithQR } from "matrix-js-sdk/lib/rendezvous/index.js";
import { arrive } from "../stage.mjs";

/** What a device that is logged in shows, and the new device that reads it. */
async function shown(client, failures) {
    const onFailure = (reason) => failures.push(reason);
    const session = new MSC4108RendezvousSession({ client, onFailure });
    await session.send("");
    const channel = new MSC4108SecureChannel(session, undefined, onFailure);
    const showing = new MSC4108SignInWithQR(channel, false, client, onFailure);
    await showing.generateCode();

    const code = QrCodeData.fromBytes(showing.code);
    const reading = new MSC4108SecureChannel(
        new MSC4108RendezvousSession({ url: code.rendezvousUrl, onFailure }),
        code.publicKey,
        onFailure,
    );
    return { showing, channel, reading, code };
}

/** They agree on a channel that the server cannot read, talk both ways, and hear when it is over. */
export async function meeting() {
    const failures = [];
    const alice = await arrive("alice", { crypto: true });
    const { showing, channel, reading, code } = await shown(alice, failures);
    await Promise.all([showing.negotiateProtocols(), reading.connect()]);
    await reading.secureSend({ type: "m.login.protocol", protocol: "tea" });
    const heard = await channel.secureReceive();
    await channel.secureSend({ type: "m.login.secrets", secret: "under the oak" });
    const answered = await reading.secureReceive();
    const kept = await (await fetch(code.rendezvousUrl)).text();
    await channel.close();
    const after = await reading.secureReceive();
    return {
        server: code.serverName === alice.getDomain(),
        same_code: channel.getCheckCode() === reading.getCheckCode() && channel.getCheckCode().length,
        heard,
        answered,
        readable: kept.includes("oak"),
        after: after ?? null,
        failures,
    };
}
