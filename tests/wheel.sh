#!/bin/bash
# The wheel, installed into an empty environment of each Python that is present, and used from there.
# Builds with pip alone, from the checkout that this file is in; needs a package index for the dependencies.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
expected="nemotui $(.venv/bin/python -c 'from nemotui.version import version; print(version())')" # with the commit, in a clone
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip() { "$1" -m pip --quiet --disable-pip-version-check "${@:2}"; }

pip .venv/bin/python wheel --no-deps --wheel-dir "$work" .
wheel=$(echo "$work"/nemotui-*.whl)

# Every file of the package is in it: data, styles, the module of each room.
comm -13 <(python3 -m zipfile --list "$wheel" | awk '{print $1}' | sort) <(find nemotui -type f -not -path '*/__pycache__/*' | sort) > "$work/missing"
[ ! -s "$work/missing" ] || { echo "not in the wheel:" >&2; cat "$work/missing" >&2; exit 1; }

PATH="$PATH:$(printf '%s:' "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin)"
cd "$work" # where no checkout is
use() { # use PYTHON ARGUMENTS…
  env -u PYTHONPATH HOME="$work" XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config" "$work/$1/bin/nemotui" "${@:2}"
}
tried=0
for python in python3.11 python3.12 python3.13; do
  "$python" -c 'import venv, ensurepip' 2> /dev/null || continue
  "$python" -m venv "$work/$python"
  pip "$work/$python/bin/python" install --no-compile --constraint "$root/constraints.txt" "$wheel"
  version=$(use "$python" --version)
  [ "$version" = "$expected" ] || { echo "$version instead of $expected" >&2; exit 1; }
  use "$python" recommend --demo --json > "$work/plans.json"
  grep -q '"recommendations"' "$work/plans.json"
  use "$python" chat --demo --speed 100 hello > /dev/null 2>&1 # through the pretend server
  echo "$python: $version, from the wheel"
  rm -rf "${work:?}/$python"
  tried=$((tried + 1))
done
[ $tried -gt 0 ]
