"""
Compiles the description of the administrators' API into ``scripts/administration/operations.json``.

    python -m scripts.compile_commands

The command line is made from it, and so needs to load nothing of the server: a command begins in a tenth of a second.
"""

import json
from pathlib import Path

from homeserver.http.admin.description import describe
from scripts.administration.endpoints import ENDPOINTS
from scripts.administration.operations import FILE


def render() -> str:
    """The file's text."""
    # The version is that of whoever reads it.
    return json.dumps(describe(ENDPOINTS, ""), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(FILE).write_text(render(), encoding="utf-8")
