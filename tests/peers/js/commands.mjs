// How a program here is driven: one JSON command a line in, one JSON answer a line out.
//
// A command is {"id", "do", ...}; its answer is {"id", "result"} or {"id", "error"}.

import { createInterface } from "node:readline";

// What libraries log goes elsewhere than to stdout, which here speaks the protocol.
for (const name of ["log", "info", "debug", "trace", "warn"]) console[name] = (...words) => console.error(...words);

/** Obeys until there is nothing more to obey. */
export async function obey(commands) {
    for await (const line of createInterface({ input: process.stdin })) {
        const { id, do: name, ...parameters } = JSON.parse(line);
        commands[name](parameters).then(
            (result) => process.stdout.write(JSON.stringify({ id, result: result ?? null }) + "\n"),
            (error) => process.stdout.write(JSON.stringify({ id, error: String(error?.stack ?? error) }) + "\n"),
        );
    }
    process.exit(0);
}
