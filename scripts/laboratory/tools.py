"""
The tools of others that tests need: PostgreSQL, Node.js with its packages, Synapse; installed where they are missing.

Each ``prepare_`` returns at once when all is there already, and raises Unavailable when the tool cannot be had.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.postgresql import PostgreSQLMissing, find_binaries

ROOT = Path(__file__).resolve().parents[2]
SYNAPSE_ENVIRONMENT = ROOT / ".venv-synapse"
SYNAPSE_PYTHON = SYNAPSE_ENVIRONMENT / "bin" / "python"
SYNAPSE_REQUIREMENTS = Path(__file__).with_name("synapse-requirements.txt")
JS_CLIENT = ROOT / "tests" / "peers" / "js"
INSTALL_SECONDS_MAX = 900
_NODE_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}


class Unavailable(Exception):
    """A tool is not on this machine and cannot be installed here; says why."""


def prepare_postgresql() -> None:
    """PostgreSQL's server programs are installed, by Debian's package manager where they were missing."""
    try:
        find_binaries()
    except PostgreSQLMissing:
        _install_debian_package("postgresql")
        try:
            find_binaries()
        except PostgreSQLMissing as error:
            raise Unavailable(f"installed, yet {error}") from error


def prepare_synapse() -> None:
    """``.venv-synapse`` holds the Synapse that the requirements file names."""
    wanted = _digest(SYNAPSE_REQUIREMENTS) + " " + platform.python_version()
    stamp = SYNAPSE_ENVIRONMENT / ".set-up"
    if _reads(stamp, wanted):
        return
    _run([sys.executable, "-m", "venv", "--clear", SYNAPSE_ENVIRONMENT], "the environment for Synapse")
    _run([SYNAPSE_PYTHON, "-m", "pip", "install", "--quiet", "--requirement", SYNAPSE_REQUIREMENTS], "pip install")
    _name_psycopg2()
    stamp.write_text(wanted)


def find_synapse() -> Path:
    """The Python that runs Synapse.  Raises Unavailable when it has not been set up."""
    if not (SYNAPSE_ENVIRONMENT / ".set-up").exists():
        raise Unavailable("Synapse is not set up in .venv-synapse: scripts/test does it")
    return SYNAPSE_PYTHON


def prepare_node() -> None:
    """Node.js is installed, and the packages that the JavaScript client's lock file names."""
    if not (shutil.which("node") and shutil.which("npm")):
        _install_debian_package("nodejs", "npm")
    wanted = _digest(JS_CLIENT / "package-lock.json")
    stamp = JS_CLIENT / "node_modules" / ".set-up"
    if _reads(stamp, wanted):
        return
    _run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], "npm ci", JS_CLIENT)
    stamp.write_text(wanted)


def find_node() -> Path:
    """The Node.js that runs the JavaScript client.  Raises Unavailable when it has not been set up."""
    if not (JS_CLIENT / "node_modules" / ".set-up").exists():
        raise Unavailable("the packages of tests/peers/js are not installed: scripts/test does it")
    # matrix-js-sdk asks for a newer Node.js than Debian's; the lock file brings one as a package.
    machine = _NODE_MACHINES.get(platform.machine(), platform.machine())
    packaged = JS_CLIENT / "node_modules" / f"node-linux-{machine}" / "bin" / "node"
    found = str(packaged) if packaged.exists() else shutil.which("node")
    if not found:
        raise Unavailable("no Node.js")
    return Path(found)


def _install_debian_package(*packages: str) -> None:
    if not shutil.which("apt-get"):
        raise Unavailable("this machine has no apt-get")
    if os.geteuid() != 0:
        raise Unavailable(f"not root, so `apt-get install {' '.join(packages)}` is left to you")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], "apt-get update", environment=quiet)
    install: list[str] = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    _run(install, f"apt-get install {' '.join(packages)}", environment=quiet)


def _run(
    command: Sequence[str | Path], what: str, directory: Path | None = None, environment: dict[str, str] | None = None
) -> None:
    words = [str(word) for word in command]
    try:
        outcome = subprocess.run(
            words,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}") from error
    if outcome.returncode:
        last_lines = (outcome.stderr or outcome.stdout).strip().splitlines()[-3:]
        raise Unavailable(f"{what} failed: {' / '.join(last_lines)}")


def _name_psycopg2() -> None:
    """
    Synapse asks for a distribution called psycopg2 before it speaks to PostgreSQL; psycopg2-binary is the same code
    under another name, and needs no compiler.
    """
    packages = next(SYNAPSE_ENVIRONMENT.glob("lib/python3*/site-packages"))
    version = next(packages.glob("psycopg2_binary-*.dist-info")).name.split("-")[1].removesuffix(".dist")
    alias = packages / f"psycopg2-{version}.dist-info"
    alias.mkdir(exist_ok=True)
    (alias / "METADATA").write_text(f"Metadata-Version: 2.1\nName: psycopg2\nVersion: {version}\n")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _reads(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted
