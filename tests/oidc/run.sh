#!/usr/bin/env bash
# Logs in with the example `login` at an authorization server of node-oidc-provider.
# Packages go into a folder of their own, which is gone afterwards.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp package.json package-lock.json ./*.mjs "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent

cargo build --locked --example login
target=$(cargo metadata --locked --no-deps --format-version 1 |
  node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory')
LOGIN="$target/debug/examples/login" node --test --test-reporter=spec "$folder"
