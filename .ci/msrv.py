"""Fails if a dependency of the library needs a newer Rust than the one in the first argument.

Reads the output of `cargo metadata`. Dependencies of tests do not count: users do not build them.
"""

import json
import sys

stated = tuple(map(int, sys.argv[1].split(".")))
metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
root = next(id for id, package in packages.items() if package["name"] == "poggio")

seen, stack = set(), [root]
while stack:
    id = stack.pop()
    if id not in seen:
        seen.add(id)
        for dep in nodes[id]["deps"]:
            if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]):
                stack.append(dep["pkg"])

newer, unstated, highest = [], 0, ((0,), "none")
for id in seen:
    package = packages[id]
    if package["rust_version"] is None:
        unstated += 1
        continue
    needed = tuple(map(int, package["rust_version"].split(".")))
    name = f"{package['name']} {package['version']} needs Rust {package['rust_version']}"
    if id != root:
        highest = max(highest, (needed, name))
    if needed[: len(stated)] > stated:
        newer.append(name)
print(f"{len(seen) - 1} dependencies, {unstated} without a rust-version; the newest: {highest[1]}")
if newer:
    sys.exit("newer than stated:\n" + "\n".join(sorted(newer)))
