"""Synapse as a black box, with settings that a sensible operator would write for one loopback server."""

import base64
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

from scripts.laboratory.homeservers import Homeserver, Place, folder_bytes
from scripts.laboratory.tools import find_synapse

UNLIMITED = {"per_second": 1_000_000, "burst_count": 1_000_000}
_RATE_LIMITS: dict[str, Any] = {
    "rc_message": UNLIMITED,
    "rc_registration": UNLIMITED,
    "rc_login": {"address": UNLIMITED, "account": UNLIMITED, "failed_attempts": UNLIMITED},
    "rc_admin_redaction": UNLIMITED,
    "rc_joins": {"local": UNLIMITED, "remote": UNLIMITED},
    "rc_joins_per_room": UNLIMITED,
    "rc_invites": {"per_room": UNLIMITED, "per_user": UNLIMITED, "per_issuer": UNLIMITED},
    "rc_3pid_validation": UNLIMITED,
    "rc_key_requests": UNLIMITED,
    "rc_media_create": UNLIMITED,
    "rc_presence": {"per_user": UNLIMITED},
    "rc_room_creation": UNLIMITED,
    "rc_federation": {
        "window_size": 1000,
        "sleep_limit": 1_000_000,
        "sleep_delay": 1,
        "reject_limit": 1_000_000,
        "concurrent": 1000,
    },
}


def make_synapse(place: Place, *, presence: bool = True, room_version: str = "10") -> Homeserver:
    """A Synapse configured in *place*, not yet started.  Raises Unavailable when it is not installed."""
    python = find_synapse()
    settings = place.directory / "homeserver.yaml"
    # JSON is YAML.
    settings.write_text(json.dumps(_settings(place, presence=presence, room_version=room_version), indent=1))
    seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    signing_key = place.directory / "signing.key"
    if not signing_key.exists():
        signing_key.write_text(f"ed25519 a_lab {seed}\n")
    (place.directory / "log.yaml").write_text(json.dumps(_LOGGING))
    return Homeserver(
        kind="synapse",
        place=place,
        command=[python, "-m", "synapse.app.homeserver", "--config-path", settings],
        storage=lambda: folder_bytes(place.directory, "homeserver.db*"),
    )


_LOGGING: dict[str, Any] = {
    "version": 1,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "WARNING", "handlers": ["console"]},
    "disable_existing_loggers": False,
}


def _settings(place: Place, *, presence: bool, room_version: str) -> dict[str, Any]:
    tls = place.authority.issue(place.host)
    resources = [{"names": ["client", "federation"]}]
    here = {"bind_addresses": [place.host], "type": "http", "resources": resources}
    return {
        "server_name": place.server_name,
        "public_baseurl": f"https://{place.server_name}",
        "listeners": [
            {"port": place.client_port, "tls": False, **here},
            {"port": place.tls_port, "tls": True, **here},
        ],
        "tls_certificate_path": str(tls.certificate),
        "tls_private_key_path": str(tls.private_key),
        "database": _database(place),
        "log_config": str(place.directory / "log.yaml"),
        "media_store_path": str(place.directory / "media"),
        "signing_key_path": str(place.directory / "signing.key"),
        "registration_shared_secret": secrets.token_hex(),
        "macaroon_secret_key": secrets.token_hex(),
        "form_secret": secrets.token_hex(),
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "report_stats": False,
        # Registration is not what is measured, and tests register much: the cheapest hash there is.
        "bcrypt_rounds": 4,
        "presence": {"enabled": presence},
        "default_room_version": room_version,
        "federation_custom_ca_list": [str(place.authority.certificate)],
        "ip_range_blacklist": [],
        "federation_ip_range_blacklist": [],
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        # A cut link heals in seconds here, so retries must come in seconds too.
        "federation": {
            "client_timeout": "60s",
            "max_short_retry_delay": "1s",
            "max_long_retry_delay": "2s",
            "destination_min_retry_interval": "1s",
            "destination_retry_multiplier": 1,
            "destination_max_retry_interval": "3s",
        },
        **_RATE_LIMITS,
    }


def _database(place: Place) -> dict[str, Any]:
    if place.database_url is None:
        return {"name": "sqlite3", "args": {"database": str(place.directory / "homeserver.db")}}
    url = urlsplit(place.database_url)
    arguments = {
        "user": url.username,
        "password": url.password or "",
        "host": url.hostname,
        "port": url.port,
        "dbname": url.path.lstrip("/"),
        # What Synapse's own documentation proposes.
        "cp_min": 5,
        "cp_max": 10,
    }
    return {"name": "psycopg2", "args": arguments}
