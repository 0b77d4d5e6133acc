#!/bin/sh
# Runs the quick tests on each Python of the range that is found here, in environments of their own (.venv-3.x),
# without the `train` extra: the laptop's side must not need it. The agent's own tests run on 3.9 too where it is there.
# Looks on PATH and, where pyenv is used, among its versions. Named interpreters win: scripts/matrix.sh /path/to/python…
set -eu
cd "$(dirname "$0")/.."

find_python() {
    if command -v "python$1" >/dev/null 2>&1 && "python$1" -c '' 2>/dev/null; then
        command -v "python$1"
        return
    fi
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if [ -x "$candidate" ]; then echo "$candidate"; return; fi
    done
}

status=0
[ $# -gt 0 ] || set -- 3.10 3.11 3.12 3.13
for wanted in "$@"; do
    case "$wanted" in
        */*) python=$wanted ;;
        *) python=$(find_python "$wanted") ;;
    esac
    if [ -z "$python" ]; then echo "matrix: no Python $wanted here, passed over"; continue; fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    venv=.venv-$version
    if [ ! -e "$venv/.ready" ] || [ pyproject.toml -nt "$venv/.ready" ]; then
        [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet 'pip>=23.2'
        "$venv/bin/python" -m pip install --quiet --editable '.[test]'
        touch "$venv/.ready"
    fi
    echo "matrix: Python $version"
    "$venv/bin/python" -m pytest -n "${WORKERS:-2}" tests/unit || status=1
done
exit $status
