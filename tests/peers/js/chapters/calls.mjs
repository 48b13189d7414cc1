// Calls of many: who is in them is told by the room.

import { arrive, gather, sees, when } from "../stage.mjs";

const SLOT = { id: "", application: "m.call" };

/** A call is seen to begin, to be joined and left, by state events or sticky ones. */
export async function matrix_rtc({ sticky }) {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob], {
        power_level_content_override: { events: { "org.matrix.msc3401.call.member": 0, "org.matrix.msc4143.rtc.member": 0 } },
    });
    await sees(bob, room_id, alice.getUserId());
    const transports = await alice._unstable_getRTCTransports();
    const [hers, his] = [alice, bob].map((client) => client.matrixRTC.getRoomSession(client.getRoom(room_id)));
    const config = { unstableSendStickyEvents: sticky === "yes", delayedLeaveEventDelayMs: 600_000 };
    hers.joinRoomSession(transports, sticky === "yes" ? transports[0] : undefined, config);
    await when("alice is in the call", () => his.memberships.length === 1);
    const scheduled = JSON.stringify(await alice._unstable_getDelayedEvents("scheduled"));
    his.joinRoomSession(transports, sticky === "yes" ? transports[0] : undefined, config);
    await when("both are in the call", () => hers.memberships.length === 2 && his.memberships.length === 2);
    const members = hers.memberships.map((member) => member.userId ?? member.sender);
    const active = Boolean(bob.matrixRTC.getActiveRoomSession(bob.getRoom(room_id)));
    const left = await hers.leaveRoomSession(60_000);
    await when("alice has left", () => his.memberships.length === 1);
    await his.leaveRoomSession(60_000);
    await when("nobody is left", () => hers.memberships.length === 0 && his.memberships.length === 0);
    return {
        transports: transports.map((each) => each.type),
        leave_is_scheduled: scheduled.includes("member"),
        members: members.map((user) => [alice, bob].findIndex((client) => client.getUserId() === user)).sort(),
        active,
        left,
    };
}
