"""Folkmoot as a process of its own, driven from outside by its settings file alone."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scripts.laboratory.client import PASSWORD
from scripts.laboratory.homeservers import Homeserver, Place, folder_bytes
from scripts.laboratory.processes import PATIENCE_SECONDS
from scripts.laboratory.tools import ROOT

_PROGRAM: Final = Path(sys.executable).with_name("folkmoot")


def make_folkmoot(
    place: Place,
    *,
    presence: bool = True,
    room_version: str = "10",
    profile: Path | None = None,
    more: Mapping[str, Any] | None = None,
) -> Homeserver:
    """
    A Folkmoot configured in *place*, not yet started; at its stop it writes what cProfile saw to *profile*.

    *more*: settings beside those of every laboratory.
    """
    settings = _settings_file(place)
    # JSON is YAML.
    settings.write_text(
        json.dumps({**_settings(place, presence=presence, room_version=room_version), **(more or {})}, indent=1)
    )
    profiled: list[str | Path] = [sys.executable, "-m", "cProfile", "-o", profile] if profile else []
    return Homeserver(
        kind="folkmoot",
        place=place,
        command=[*profiled, _PROGRAM, "serve", "--config", settings],
        storage=lambda: folder_bytes(place.directory, "folkmoot.db*"),
        # An installed server has its bytecode, as Synapse has; one in a checkout must be let keep it.
        environment={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
    )


def database_url(place: Place) -> str:
    """Where a Folkmoot in *place* keeps everything."""
    return place.database_url or f"sqlite:///{place.directory}/folkmoot.db"


def make_administrator(server: Homeserver, username: str) -> str:
    """The user ID of a new account that administers *server*, made as operators make the first one."""
    account = (username, "--admin", "--password", PASSWORD, "--config", str(_settings_file(server.place)))
    subprocess.run(
        [str(_PROGRAM), "register-user", *account],
        env={**os.environ, **server.environment},
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    return f"@{username}:{server.server_name}"


def _settings_file(place: Place) -> Path:
    return place.directory / "folkmoot.yaml"


def _settings(place: Place, *, presence: bool, room_version: str) -> dict[str, Any]:
    tls = place.authority.issue(place.host)
    keys = {"certificate": str(tls.certificate), "private_key": str(tls.private_key)}
    return {
        "server_name": place.server_name,
        "public_baseurl": f"https://{place.server_name}",
        "data_dir": str(place.directory / "data"),
        "database": {"url": database_url(place)},
        "listeners": [
            {"bind": place.host, "port": place.client_port},
            {"bind": place.host, "port": place.tls_port, "tls": keys},
        ],
        "registration": {"enabled": True, "allow_guests": True, "tokens_required": False},
        "passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8},
        "rate_limits": {"enabled": False},
        "rooms": {"default_version": room_version},
        "federation": {
            "ca_file": str(place.authority.certificate),
            "allow_private_addresses": True,
            "trusted_key_servers": [],
            "retry": {"min_seconds": 1, "max_seconds": 3},
        },
        "outbound": {"verify_tls": False, "allow_private_addresses": True},
        "presence": {"enabled": presence},
        "logging": {"level": "warning", "file": str(place.directory / "folkmoot.log")},
    }
