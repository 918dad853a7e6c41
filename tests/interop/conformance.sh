#!/usr/bin/env bash
# Runs the client scenarios auth/* of npm's @modelcontextprotocol/conformance against the client in mcp.
# Prints the result of each. Arguments: the folder with the installed package, and the client.
#
# Without the package or Node.js 22, nothing is run. With POGGIO_REQUIRE=all, that is a failure.
set -euo pipefail
export services=$1 client=$2
# They need what this crate does not do: client ID metadata documents, JWT assertions, token exchange.
fails=(auth/basic-cimd auth/client-credentials-jwt auth/cross-app-access-complete-flow)
least=19

skip() {
  echo "skipped: $1 is not installed; see run.sh" >&2
  [ "${POGGIO_REQUIRE:-}" != all ] || exit 1
  exit 0
}
suite=$services/node_modules/@modelcontextprotocol/conformance/dist/index.js
[ -f "$suite" ] || skip @modelcontextprotocol/conformance
node=
for found in "$services"/node_modules/node-linux-*/bin/node "$(command -v node || true)"; do
  if [ -x "$found" ] && [ "$("$found" -p 'process.versions.node.split(".")[0] >= 22')" = true ]; then
    node=$found
    break
  fi
done
[ -n "$node" ] || skip "Node.js 22"
export node suite

run() {
  local log=$services/${1//\//-}.log result=passed
  "$node" "$suite" client --command "$client" --scenario "$1" --timeout 60000 >"$log" 2>&1 || result=failed
  echo "$result $1"
}
export -f run
scenarios=$("$node" "$suite" list --client | grep -o 'auth/[a-z0-9-]*')
# shellcheck disable=SC2016
results=$(xargs -P 4 -I {} bash -c 'run {}' <<<"$scenarios" | sort)
echo "$results"

passed=$(grep -c '^passed' <<<"$results" || true)
echo "$passed of $(wc -l <<<"$scenarios") client scenarios passed"
expected=$(printf 'failed %s\n' "${fails[@]}" | sort)
failed=$(grep '^failed' <<<"$results" || true)
code=0
if [ "$failed" != "$expected" ]; then
  echo "unlike expected:" >&2
  diff <(echo "$expected") <(echo "$failed") >&2 || true
  while read -r _ scenario; do
    [[ " ${fails[*]} " == *" $scenario "* ]] || cat "$services/${scenario//\//-}.log" >&2
  done <<<"$failed"
  code=1
fi
if [ "$passed" -lt "$least" ]; then
  echo "fewer than $least passed" >&2
  code=1
fi
exit "$code"
