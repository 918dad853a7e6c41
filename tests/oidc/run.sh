#!/usr/bin/env bash
# Runs the `login` example against node-oidc-provider. The packages are installed into a temporary
# folder.
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
