#!/bin/sh
# Makes this checkout ready: system packages, a virtual environment in .venv, torch, and the project with its extras.
#
# What is already there is left alone, so a second run takes a moment.
# PYTHON=/path/to/python chooses the interpreter. Pip runs plainly: your own index, mirror, proxy and find-links count.
# Why torch is a step of its own, and which torch is taken: docs/dependencies.md.
set -eu

cd "$(dirname "$0")/.."
TORCH="torch==2.13.0"
TORCH_CPU_INDEX="https://download.pytorch.org/whl/cpu"
VENV=.venv

say() { printf '%s\n' "setup: $*"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# /usr/sbin is not on every person's PATH, and sshd lives there.
PATH="$PATH:/usr/sbin:/sbin"

# --- system packages -------------------------------------------------------------------------------------------------

# Prints the Debian names of what is missing.
missing_packages() {
    have ssh || echo openssh-client
    have sshd || echo openssh-server
    have rsync || echo rsync
    have git || echo git
}

# Runs its arguments as root, without asking anything. Fails where that may not be.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Installs Debian packages, or fails.
apt_install() {
    have apt-get || return 1
    as_root true || return 1
    say "installing $*"
    case " $* " in
        *" openssh-server "*)
            # The tests and the demo start sshd themselves, on loopback. The packaged service stays off: asking for
            # a demo must not open port 22 of somebody's laptop. `systemctl unmask ssh` gives it back.
            [ -d /run/systemd/system ] && as_root systemctl mask --quiet ssh.service ssh.socket || true
            ;;
    esac
    # RUNLEVEL=1 keeps services from being started where there is no systemd.
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
        { as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
}

system_packages() {
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086  # a list of package names
    apt_install $missing || say "not installed, and no right to install it: ${missing}
setup: install it by hand (Debian, Ubuntu: sudo apt-get install ${missing}); tests that need it are skipped until then"
}

# --- Python ----------------------------------------------------------------------------------------------------------

version_at_least() { "$1" -c "import sys; sys.exit(sys.version_info[:2] < ($2, $3))" 2>/dev/null; }

# Prints the interpreter to build on: $PYTHON, else python3 where it is new enough to train, else a newer one beside it.
choose_python() {
    if [ -n "${PYTHON:-}" ]; then echo "$PYTHON"; return; fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if version_at_least "$candidate" 3 11 && ! version_at_least "$candidate" 3 14; then echo "$candidate"; return; fi
    done
    for candidate in python3 python3.10; do
        if version_at_least "$candidate" 3 10; then echo "$candidate"; return; fi
    done
}

make_venv() {
    if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    python=$(choose_python)
    if [ -z "$python" ]; then
        have python3 || apt_install python3 python3-venv || true
        python=$(choose_python)
    fi
    [ -n "$python" ] || fail "no Python from 3.10 to 3.13 found; install one, or name it: make PYTHON=/path/to/python"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # Debian and Ubuntu keep these two in a package of their own.
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        apt_install "$package" || fail "$python cannot make virtual environments; run: sudo apt-get install $package"
    fi
    say "making $VENV with $("$python" --version)"
    "$python" -m venv "$VENV"
}

# --- torch -----------------------------------------------------------------------------------------------------------

has_nvidia_gpu() { [ -e /proc/driver/nvidia/version ] || [ -e /dev/nvidia0 ] || have nvidia-smi || [ -e /dev/dxg ]; }

# Whether the torch that pip would take by itself depends on the CUDA packages. Asks for its metadata, a few kilobytes.
would_bring_cuda() {
    "$VENV/bin/python" -m pip install --quiet --dry-run --no-deps --ignore-installed --report - "$TORCH" 2>/dev/null |
        "$VENV/bin/python" -c '
import json, re, sys
needs = [r for item in json.load(sys.stdin)["install"] for r in item["metadata"].get("requires_dist", [])]
sys.exit(not any(re.match(r"(nvidia|cuda)-", r) for r in needs))' 2>/dev/null
}

install_torch() {
    "$VENV/bin/python" -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("torch"))' && return
    if ! version_at_least "$VENV/bin/python" 3 11; then
        say "$("$VENV/bin/python" --version) is too old for today's transformers and TRL: training here (host 'local', the demo) needs 3.11"
        return
    fi
    say "installing $TORCH"
    if [ "$(uname -s)" = Linux ] && ! has_nvidia_gpu && would_bring_cuda; then
        say "no NVIDIA GPU here: taking the build for the CPU from $TORCH_CPU_INDEX"
        "$VENV/bin/python" -m pip install --quiet --extra-index-url "$TORCH_CPU_INDEX" "$TORCH"
    else
        "$VENV/bin/python" -m pip install --quiet "$TORCH"
    fi
}

# --- the project -----------------------------------------------------------------------------------------------------

install_project() {
    say "installing the project with its extras"
    "$VENV/bin/python" -m pip install --quiet --editable '.[train,test,dev]'
}

system_packages
make_venv
# Older pips cannot say what they would install, nor read metadata apart from its wheel.
"$VENV/bin/python" -m pip install --quiet 'pip>=23.2'
install_torch
install_project
say "ready: $VENV/bin/lt --help"
