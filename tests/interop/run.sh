#!/usr/bin/env bash
# Runs the tests with services that others wrote. Their packages are installed into a temporary folder.
# Arguments are those of `cargo test`, such as the name of a test. Without arguments, the conformance tests
# of MCP are run too.
#
# The tests of a package that cannot be installed are skipped. With POGGIO_REQUIRE=all, they fail.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cp services/* "$folder"
install_for_node() {
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent ||
    echo "npm could not install the services for Node.js" >&2
}
install_for_python() {
  python3 -m venv "$folder/venv" &&
    "$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check -r "$folder/requirements.txt" ||
    # One by one, so that one package does not prevent the others.
    xargs -L 1 "$folder/venv/bin/pip" install --quiet < "$folder/requirements.txt" ||
    echo "pip could not install all services for Python" >&2
}
# While cargo builds.
install_for_node &
install_for_python &

# With the target folder of the crate, some dependencies are built already.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../target}" INTEROP_SERVICES="$folder"
if [ $# -gt 0 ]; then
  wait
  cargo test --locked "$@"
  exit
fi
# One build for the tests, the program of the conformance tests, and the programs of BENCHMARKS.md.
cargo build --locked --workspace --all-targets
wait
# Both mostly wait.
./conformance.sh "$folder" "$CARGO_TARGET_DIR/debug/poggio-interop-mcp" >"$folder/conformance.log" 2>&1 &
cargo test --locked --workspace
wait $! || { cat "$folder/conformance.log"; exit 1; }
cat "$folder/conformance.log"
