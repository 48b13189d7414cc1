// Push rules, what they make of messages, and where notifications are sent.

import { NotificationCountType, PushRuleActionName, PushRuleKind, TweakName } from "matrix-js-sdk";
import { arrive, arrives, gather, refusal, when } from "../stage.mjs";

const { Highlight, Total } = NotificationCountType;

/** What is counted follows the rules: by default, for mentions, for words of one's own, and in muted rooms. */
export async function push_rules() {
    const [alice, bob] = [await arrive("alice"), await arrive("bob")];
    const room_id = await gather(alice, [bob]);
    const room = bob.getRoom(room_id);
    const counts = () => [room.getUnreadNotificationCount(Total), room.getUnreadNotificationCount(Highlight)];
    const say = async (content) => {
        const { event_id } = await alice.sendMessage(room_id, { msgtype: "m.text", ...content });
        const event = await arrives(bob, room_id, event_id);
        return { event, counts: counts(), actions: bob.getPushActionsForEvent(event) };
    };
    const read = async (event) => {
        await bob.sendReadReceipt(event);
        await when("nothing is unread", () => counts()[0] === 0);
    };
    const plain = await say({ body: "good day" });
    const named = await say({ body: "you", "m.mentions": { user_ids: [bob.getUserId()] } });
    await read(named.event);

    await bob.addPushRule("global", PushRuleKind.ContentSpecific, "oak", {
        pattern: "oak",
        actions: [PushRuleActionName.Notify, { set_tweak: TweakName.Highlight }],
    });
    await when("the rule", () => bob.pushRules.global.content.some((rule) => rule.rule_id === "oak"));
    const word = await say({ body: "under the Oak, then" });
    await bob.setPushRuleEnabled("global", PushRuleKind.ContentSpecific, "oak", false);
    await when("the rule is off", () => bob.pushRules.global.content.some((rule) => rule.rule_id === "oak" && !rule.enabled));
    await read(word.event);
    const off = await say({ body: "another oak" });
    await read(off.event);
    await bob.deletePushRule("global", PushRuleKind.ContentSpecific, "oak");
    await when("the rule is gone", () => !bob.pushRules.global.content.some((rule) => rule.rule_id === "oak"));

    await bob.setRoomMutePushRule("global", room_id, true);
    await when("the room is muted", () => bob.getRoomPushRule("global", room_id));
    const muted = await say({ body: "quiet" });
    await bob.setRoomMutePushRule("global", room_id, false);
    await when("the room is not muted", () => !bob.getRoomPushRule("global", room_id));
    await bob.setPushRuleActions("global", PushRuleKind.Underride, ".m.rule.room_one_to_one", []);
    await when("default rules change", () => {
        return bob.pushRules.global.underride.some((rule) => rule.rule_id === ".m.rule.room_one_to_one" && !rule.actions.length);
    });
    const silent = await say({ body: "shh" });
    const shown = ({ counts, actions }) => ({ counts, notify: actions.notify, highlight: Boolean(actions.tweaks.highlight) });
    return {
        plain: shown(plain),
        named: shown(named),
        word: shown(word),
        off: shown(off),
        muted: shown(muted),
        silent: shown(silent),
        unknown: await refusal(bob.deletePushRule("global", PushRuleKind.ContentSpecific, "oak")),
    };
}

/** A pusher is listed until it is removed; devices are silenced by account data. */
export async function pushers() {
    const alice = await arrive("alice");
    const pusher = {
        pushkey: "key",
        kind: "http",
        app_id: "org.example.app",
        app_display_name: "App",
        device_display_name: "Phone",
        lang: "en",
        data: { url: "https://127.0.0.1:1/_matrix/push/v1/notify", format: "event_id_only" },
    };
    await alice.setPusher(pusher);
    const listed = (await alice.getPushers()).pushers;
    await alice.removePusher("key", "org.example.app");
    await alice.setLocalNotificationSettings(alice.getDeviceId(), { is_silenced: true });
    const type = `org.matrix.msc3890.local_notification_settings.${alice.getDeviceId()}`;
    return {
        listed: listed.map((each) => [each.pushkey, each.kind, each.data.format]),
        after: (await alice.getPushers()).pushers,
        silenced: await when("the setting", () => alice.getAccountData(type)?.getContent().is_silenced),
        refused: await refusal(alice.setPusher({ ...pusher, data: { url: "not a URL" } })),
    };
}
