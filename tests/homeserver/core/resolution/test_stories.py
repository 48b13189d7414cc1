"""What comes of forks, told in ``stories``."""

import pytest

from homeserver.core.resolution.needs import Needs
from homeserver.core.resolution.resolve import resolve
from homeserver.core.versions import ROOM_VERSIONS
from tests.homeserver.core.resolution.stories import STORIES, Story
from tests.homeserver.core.resolution.telling import chains_of, known_to, play, read

CASES = [pytest.param(story, version, id=f"{story.title}-{version}") for story in STORIES for version in story.versions]


@pytest.mark.parametrize(("story", "version"), CASES)
def test_story(story: Story, version: str) -> None:
    """The branches resolve as the story says, whichever comes first."""
    left, right = play(story, version)
    events = known_to(left, right)
    room_version = ROOM_VERSIONS[version]
    chains = chains_of(events.values())
    resolved = resolve(room_version, [left.state_ids, right.state_ids], events, chains)

    assert resolved == resolve(room_version, [right.state_ids, left.state_ids], events, chains)
    assert not isinstance(resolved, Needs)
    for key, told in story.outcome.items():
        expected = told[room_version.resolution] if isinstance(told, dict) and "v1" in told else told
        assert read(key, resolved, events, room_version) == expected, key
