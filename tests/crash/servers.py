"""Which servers are killed and fed what is broken by the default run."""

import os
from typing import Final

SERVERS: Final = ("folkmoot",)
"""FOLKMOOT_TEST_CRASH="synapse" replaces it for one run, to judge the trials themselves."""


def chosen_servers() -> list[str]:
    """Those of this run."""
    chosen = os.environ.get("FOLKMOOT_TEST_CRASH")
    return chosen.split(",") if chosen else list(SERVERS)
