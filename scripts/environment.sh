# Sourced by the commands beside it: stands in the checkout, and makes the virtual environment that setup.cfg asks for.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*" >&2; }

# The first Python on this machine that is new enough.
find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3.14 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "Folkmoot needs Python 3.11 or newer, and there is none on this machine."
    return 1
}

# A venv without pip is what Debian makes while its package python3-venv is missing.
make_venv() {
    local python=$1
    "$python" -m venv --clear .venv 2>/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing Debian's python3-venv, which virtual environments need here."
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } >/dev/null
    fi
    "$python" -m venv --clear .venv
}

# The next start compiles nothing, here too where Python is told to write no bytecode.
compile_all() {
    .venv/bin/python -m compileall -qq homeserver federation e2ee conf scripts
    .venv/bin/python -m scripts.lean
}

# prepare_environment [EXTRAS]: .venv holds the project and what setup.cfg lists, with EXTRAS ("test,check").
# A stamp made of setup.cfg's digest lets the next call return at once.
prepare_environment() {
    local extras=${1:-} python digest stamp
    python=$(find_python)
    digest=$(cat setup.cfg pyproject.toml | sha256sum | cut -d' ' -f1)
    stamp=".venv/.set-up-${extras//,/-}"
    [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && return
    # Two commands started at once must not install into the same place at once.
    exec 9<setup.cfg
    if command -v flock >/dev/null; then flock 9; fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$digest" ]; then
        say "Setting up the virtual environment .venv${extras:+ with $extras} (a minute or two, once) ..."
        [ -x .venv/bin/pip ] || make_venv "$python"
        .venv/bin/pip install -qq --editable ".${extras:+[$extras]}"
        compile_all
        printf '%s\n' "$digest" >"$stamp"
    fi
    exec 9<&-
}
