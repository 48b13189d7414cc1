// How programs here wait: for what they expect, and for far longer than any machine needs.

export const WAIT_MS = 240_000;
const PAUSE_MS = 20;

/** The first truthy answer of `look`, asked again and again until it is too late. */
export async function when(what, look) {
    const end = Date.now() + WAIT_MS;
    while (Date.now() < end) {
        const found = await look();
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    throw new Error(`${what}: not in time`);
}
