#!/usr/bin/env bash
# Runs the tests with services that others wrote. Their packages are installed into a temporary folder.
# Arguments are those of `cargo test`, such as the name of a test. Without arguments, the conformance tests
# of MCP are run too.
#
# The tests of a package that cannot be installed are skipped. With POGGIO_REQUIRE=all, they fail.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp services/* "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent ||
  echo "npm could not install the services for Node.js" >&2
python3 -m venv "$folder/venv" &&
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt" ||
  # One by one, so that one package does not prevent the others.
  xargs -L 1 "$folder/venv/bin/pip" install --quiet < "$folder/requirements.txt" ||
  echo "pip could not install all services for Python" >&2

# With the target folder of the crate, most dependencies are built already.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../target}"
INTEROP_SERVICES="$folder" cargo test --locked "$@"
if [ $# = 0 ]; then
  # The programs of BENCHMARKS.md, too.
  cargo check --locked --workspace
  cargo build --locked --package poggio-interop-mcp
  ./conformance.sh "$folder" "$CARGO_TARGET_DIR/debug/poggio-interop-mcp"
fi
