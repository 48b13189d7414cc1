// matrix-js-sdk through the chapters of the specification.
//
// The command `begin` says where the server is; each of the others is one chapter, and answers what the clients in it
// believe.

import { obey } from "./commands.mjs";
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
    begin: async ({ baseUrl }) => playAt(baseUrl),
};

/** The chapter, after which all who came for it leave. */
function ended(chapter) {
    return async (parameters) => {
        try {
            return await chapter(parameters);
        } finally {
            everybodyLeaves();
        }
    };
}

await obey(Object.fromEntries(Object.entries(chapters).map(([name, chapter]) => [name, ended(chapter)])));
