#!/usr/bin/env bash
# Runs a login of `client.rs` against node-oidc-provider. The packages are installed into a temporary
# folder.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp package.json package-lock.json ./*.mjs "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent

client=$(cargo build --locked --test oidc --message-format=json |
  node -p 'require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean).map(JSON.parse)
    .find(({ executable, target }) => executable && target.name === "oidc").executable')
CLIENT="$client" node --test --test-reporter=spec "$folder"
