#!/usr/bin/env python3
"""The example register_many on 1,000 and 10,000 clients, against the benches' server.

Prints a JSON object a line: seconds, CPU and the most memory that it held. Run after
`cargo bench --bench calls --no-run`; Linux alone tells the memory.
"""

import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def built(*args):
    output = subprocess.run(["cargo", *args, "--message-format=json"], cwd=ROOT, check=True, capture_output=True, text=True)
    found = [json.loads(line).get("executable") for line in output.stdout.splitlines()]
    return [path for path in found if path][-1]


def most_memory(process):
    most = 0
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        most = int(found[1]) if found else most
        time.sleep(0.01)
    return most


def run(program, folder, base_url, count):
    clients, results = folder / f"{count}.jsonl", folder / f"{count}.results.jsonl"
    with clients.open("w") as file:
        for i in range(count):
            uri = f"https://customer-{i}.example/callback"
            print(json.dumps({"key": f"customer-{i}", "redirect_uris": [uri]}), file=file)
    start, before = time.monotonic(), os.times()
    arguments = [clients, "--results", results, "--concurrency", "32", "--base-url", base_url]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
    memory = most_memory(process)
    wall, after = time.monotonic() - start, os.times()
    assert process.returncode == 0, "every client is registered"
    registered = sum('"outcome":"registered"' in line for line in results.open())
    assert registered == count, f"{registered} results"
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "bench": "example",
        "registrations": count,
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "peak_rss_kib": memory,
    }


def main():
    program = built("build", "--release", "--example", "register_many")
    serving = built("bench", "--bench", "calls", "--no-run")
    server = subprocess.Popen([serving, "--serve", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    base_url = server.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as folder:
        for count in (1000, 10_000):
            print(json.dumps(run(program, Path(folder), base_url, count)), flush=True)
    server.kill()


if __name__ == "__main__":
    main()
