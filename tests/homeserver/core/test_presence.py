"""Tests of homeserver.core.presence."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.presence import (
    ACTIVE_FOR_MS,
    IDLE_AFTER_MS,
    DevicePresence,
    Presence,
    next_change_ms,
    presence_of,
)

devices = st.lists(
    st.builds(DevicePresence, st.sampled_from(["online", "unavailable", "offline"]), st.integers(0, 10**6)), max_size=4
)


class PresenceOfTests(TestCase):
    def test_the_best_device_counts(self) -> None:
        """Online on one device is online, unless nothing was done for long."""
        said = [DevicePresence("unavailable", 10**7), DevicePresence("online", 10**7)]

        self.assertEqual(Presence("online", True, None, 0), presence_of(said, 0, None, 1_000))
        self.assertEqual(Presence("online", False, None, 0), presence_of(said, 0, None, ACTIVE_FOR_MS))
        self.assertEqual(Presence("unavailable", False, None, 0), presence_of(said, 0, None, IDLE_AFTER_MS))

    def test_without_devices_nobody_is_there(self) -> None:
        """Nor when what they said holds no longer; the status message stays."""
        self.assertEqual(Presence("offline", False, "away", 5), presence_of([], 5, "away", 10))
        self.assertEqual("offline", presence_of([DevicePresence("online", 10)], 5, None, 10).state)

    @given(devices, st.integers(0, 10**6), st.integers(0, 10**6))
    def test_nothing_changes_before_the_next_change(self, said: list[DevicePresence], active: int, now: int) -> None:
        """Until the time that ``next_change_ms`` names, the presence looks the same."""
        before = presence_of(said, active, None, now)
        change = next_change_ms(said, active, now)
        last = 10**7 if change is None else change - 1

        self.assertTrue(presence_of(said, active, None, max(now, last)).looks_like(before))

    def test_what_clients_are_shown(self) -> None:
        """How long ago the user was active, and whether they are now while online."""
        self.assertEqual(
            {"presence": "online", "last_active_ago": 4, "currently_active": True, "status_msg": "x"},
            Presence("online", True, "x", 6).content(10),
        )
        self.assertEqual({"presence": "offline"}, Presence().content(10))

    def test_what_another_server_says_has_bounds(self) -> None:
        """No status message is longer than one of our own, and nobody was active in the future."""
        shown = Presence("unavailable", True, "x" * 10_000, 105).within_bounds(100)

        self.assertFalse(shown.currently_active)
        self.assertEqual(100, shown.last_active_ms)
        self.assertEqual(2_000, len(shown.status_msg or ""))
