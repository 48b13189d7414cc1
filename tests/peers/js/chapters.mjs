// matrix-js-sdk through the chapters of the specification: one JSON command a line in, one JSON answer a line out.
//
// A command is {"id", "do", ...}; `begin` says where the server is, each of the others is one chapter, and answers what
// the clients in it believe.

import { createInterface } from "node:readline";
import { everybodyLeaves, playAt } from "./stage.mjs";
import * as accounts from "./chapters/accounts.mjs";
import * as calls from "./chapters/calls.mjs";
import * as encryption from "./chapters/encryption.mjs";
import * as meeting from "./chapters/meeting.mjs";
import * as messages from "./chapters/messages.mjs";
import * as notifications from "./chapters/notifications.mjs";
import * as people from "./chapters/people.mjs";
import * as rooms from "./chapters/rooms.mjs";
import * as sweepings from "./chapters/sweep.mjs";
import * as threads from "./chapters/threads.mjs";

const chapters = {
    ...accounts,
    ...calls,
    ...encryption,
    ...meeting,
    ...messages,
    ...notifications,
    ...people,
    ...rooms,
    ...sweepings,
    ...threads,
    begin: async ({ baseUrl }) => playAt(baseUrl) ?? null,
};

for await (const line of createInterface({ input: process.stdin })) {
    const { id, do: name, ...parameters } = JSON.parse(line);
    let answer;
    try {
        answer = { result: await chapters[name](parameters) };
    } catch (error) {
        answer = { error: String(error?.stack ?? error) };
    }
    everybodyLeaves();
    process.stdout.write(JSON.stringify({ id, ...answer }) + "\n");
}
process.exit(0);
