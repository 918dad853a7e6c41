#!/usr/bin/env bash
# Runs the tests with services that others wrote. Their packages are installed into a temporary folder.
# Arguments are those of `cargo test`, such as the name of a test.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp services/* "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"

# With the target folder of the crate, most dependencies are built already.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../target}"
INTEROP_SERVICES="$folder" cargo test --locked "$@"
