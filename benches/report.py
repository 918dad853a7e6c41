#!/usr/bin/env python3
"""Writes the output of the benches into BENCHMARKS.md: tables between its markers, and plots.

Reads benches/results/*.jsonl, as the benches print it. If target/criterion has results of criterion,
first writes them to benches/results/parts.jsonl. Needs matplotlib.
"""

import json
import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "poggio", "svg.fonttype": "none", "font.size": 9})
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benches/results"
# Parts with about the figures of another one.
SIMILAR = {f"error of 1 MiB/{text}" for text in ("%25", "&amp;", "\\", "\\u0025", "a=", "code=", "secret=[")}
BARE, OURS = "#8a8f98", "#2b6cb0"


def read(name):
    path = RESULTS / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep_criterion():
    found = sorted((ROOT / "target/criterion").glob("*/**/new/estimates.json"))
    lines = []
    for path in found:
        about = json.loads((path.parent / "benchmark.json").read_text())
        median = json.loads(path.read_text())["median"]
        interval = median["confidence_interval"]
        lines.append(json.dumps({
            "bench": about["full_id"], "median_ns": round(median["point_estimate"], 1),
            "low_ns": round(interval["lower_bound"], 1), "high_ns": round(interval["upper_bound"], 1),
        }))
    if lines:
        (RESULTS / "parts.jsonl").write_text("\n".join(lines) + "\n")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def time(ns):
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def tables():
    calls = read("calls")
    yield "calls", table(
        ["concurrency", "side", "CPU", "wall", "allocations", "bytes", "CPU ratio", "allocation ratio"],
        [[c["concurrency"], c["side"], f'{c["cpu_us"]:.1f} µs', f'{c["wall_us"]:.1f} µs',
          round(c["allocations"]), round(c["bytes"]), f'{c["ratio"]["cpu"]:.2f}',
          f'{c["ratio"]["allocations"]:.2f}'] for c in calls])
    yield "comparison", table(
        ["side", "CPU", "allocations", "bytes", "instructions", "CPU ratio", "allocation ratio",
         "instruction ratio"],
        [[c["side"], f'{c["cpu_us"]:.1f} µs', round(c["allocations"]), round(c["bytes"]),
          f'{c["instructions"]:,.0f}', f'{c["ratio"]["cpu"]:.2f}', f'{c["ratio"]["allocations"]:.2f}',
          f'{c["ratio"]["instructions"]:.3f}'] for c in read("comparison")])
    yield "parts", table(
        ["part", "median", "95 % interval"],
        [[p["bench"], time(p["median_ns"]), f'{time(p["low_ns"])} to {time(p["high_ns"])}']
         for p in read("parts") if p["bench"] not in SIMILAR])
    build = read("build")
    yield "build", table(
        ["program", "crates linked", "with build scripts", "CPU", "wall", "generator's CPU"],
        [[b["side"], b["crates"], b["crates_with_build"], f'{b["cpu_s"]} s', f'{b["wall_s"]} s',
          f'{b["code_generation_cpu_s"]} s' if "code_generation_cpu_s" in b else ""]
         for b in build if b["bench"] == "build"])

def save(figure, name):
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def plots():
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.8))
    sides = [("bare reqwest", BARE), ("register", OURS)]
    for axis, what, label in ((axes[0], "cpu_us", "CPU µs per call"), (axes[1], "allocations", "allocations per call")):
        for i, (side, colour) in enumerate(sides):
            values = [(c["concurrency"], c[what]) for c in read("calls") if c["side"] == side]
            axis.bar([x + i * 0.38 for x in range(len(values))], [v for _, v in values], 0.36, color=colour, label=side)
            axis.set_xticks([x + 0.19 for x in range(len(values))], [str(c) for c, _ in values])
        axis.set_xlabel("concurrent calls")
        axis.set_ylabel(label)
    axes[1].legend(loc="lower right")
    save(figure, "calls")

    figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.8))
    for axis, group, label, what in (
        (axes[0], "422", "entries of a 422", "µs to map them"),
        (axes[1], "client found after replacements", "replaced clients", "µs to find the client in use"),
    ):
        parts = [p for p in read("parts") if p["bench"].startswith(f"{group}/")]
        points = sorted((int(p["bench"].split("/")[1]), p["median_ns"] / 1e3) for p in parts)
        axis.loglog(*zip(*points), marker="o", color=OURS)
        axis.set_ylim(bottom=1)
        axis.set_xlabel(label)
        axis.set_ylabel(what)
    save(figure, "growth")


def main():
    keep_criterion()
    page = ROOT / "BENCHMARKS.md"
    text = page.read_text()
    for name, content in tables():
        marker = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text, found = re.subn(marker, lambda m: f"{m[1]}{content}\n{m[2]}", text, flags=re.S)
        assert found == 1, f"BENCHMARKS.md has no place for {name}"
    page.write_text(text)
    plots()


if __name__ == "__main__":
    main()
