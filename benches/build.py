#!/usr/bin/env python3
"""What a program pays at build time for this crate, beside bare reqwest and other OAuth crates.

Builds a three-line program of each kind from nothing, in turns, and prints a JSON object a line:
crates, CPU and wall seconds, the generator's own share. Needs cargo only. Usage: benches/build.py [ROUNDS]
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 1

OURS = (
    "let metadata = poggio::ClientMetadata::new()"
    '.with_redirect_uri("http://127.0.0.1:8910/callback");\n'
    "let client = poggio::Client::new().unwrap().register(&metadata).await.unwrap();\n"
    'println!("{}", client.client_id);'
)
PROGRAMS = {
    "bare reqwest": (
        'reqwest = { version = "0.13", default-features = false, features = '
        '["rustls", "http2", "json", "system-proxy"] }\n'
        'serde = { version = "1", features = ["derive"] }\n'
        'serde_json = "1"\n',
        'let body = serde_json::json!({"redirect_uris": ["http://127.0.0.1:8910/callback"]});\n'
        'let response = reqwest::Client::new().post("https://api.poggio.io/v1/oauth/register")'
        ".json(&body).send().await.unwrap();\n"
        'println!("{}", response.json::<serde_json::Value>().await.unwrap()["client_id"]);',
    ),
    "poggio": (f'poggio = {{ path = "{ROOT}" }}\n', OURS),
    "poggio without codegen": (
        f'poggio = {{ path = "{ROOT}", default-features = false, features = ["rustls"] }}\n',
        OURS,
    ),
    # Neither is called for a registration at Poggio, so that only the build is compared.
    "openidconnect": (
        'openidconnect = "4"\n',
        'let issuer = openidconnect::IssuerUrl::new("https://api.poggio.io".into()).unwrap();\n'
        "let http = openidconnect::reqwest::Client::new();\n"
        "let metadata = openidconnect::core::CoreProviderMetadata::discover_async(issuer, &http).await;\n"
        'println!("{}", metadata.is_ok());',
    ),
    "huskarl": (
        'huskarl = "0.11"\n',
        'println!("{}", std::any::type_name::<huskarl::cache::TokenError>());',
    ),
}
COMMON = 'tokio = { version = "1", features = ["macros", "rt-multi-thread"] }\n'


def program(folder, name):
    needs, lines = PROGRAMS[name]
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "program"\nversion = "0.1.0"\nedition = "2024"\n'
        f"[dependencies]\n{needs}{COMMON}[workspace]\n"
    )
    (folder / "src/main.rs").write_text(f"#[tokio::main]\nasync fn main() {{\n{lines}\n}}\n")
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
    cargo(folder, "fetch")


def cargo(folder, *args):
    environment = os.environ | {"CARGO_TARGET_DIR": str(folder / "target"), "CARGO_TERM_COLOR": "never"}
    result = subprocess.run(["cargo", *args], cwd=folder, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    return result.stdout + result.stderr


def crates(folder, edges):
    tree = cargo(folder, "tree", "--prefix", "none", "--format", "{p}", "-e", edges)
    return {re.sub(r" \(.*", "", line) for line in tree.splitlines() if line} - {"program v0.1.0"}


def timed(folder, *args):
    shutil.rmtree(folder / "target", ignore_errors=True)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    output = cargo(folder, *args)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return output, round(wall, 1), round(cpu, 1)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: Path(temporary) / name.replace(" ", "-") for name in PROGRAMS}
        for name, folder in folders.items():
            program(folder, name)
        for _ in range(ROUNDS):
            for name, folder in folders.items():
                output, wall, cpu = timed(folder, "build")
                line = {
                    "bench": "build",
                    "side": name,
                    "crates": len(crates(folder, "normal")),
                    "crates_with_build": len(crates(folder, "normal,build")),
                    "compiled": len(re.findall(r"^\s+Compiling ", output, re.M)) - 1,
                    "wall_s": wall,
                    "cpu_s": cpu,
                }
                if name == "poggio":
                    line["code_generation_cpu_s"] = generation(folder)
                print(json.dumps(line), flush=True)
        duplicates = cargo(folders["poggio"], "tree", "-d", "-e", "normal,build", "--prefix", "none")
        names = sorted({line.split(" (")[0] for line in duplicates.splitlines() if re.match(r"^\S+ v\d", line)})
        repeated = [name for name in names if sum(n.split()[0] == name.split()[0] for n in names) > 1]
        print(json.dumps({"bench": "duplicates", "versions": repeated}), flush=True)


def generation(folder):
    """CPU seconds for the generator alone: a program with the build dependencies and nothing else."""
    alone = folder / "generator"
    shutil.rmtree(alone, ignore_errors=True)
    (alone / "src").mkdir(parents=True)
    manifest = (ROOT / "Cargo.toml").read_text()
    needs = re.search(r"\[build-dependencies\]\n(.*?)\n\[", manifest, re.S).group(1)
    needs = needs.replace(", optional = true", "")
    (alone / "Cargo.toml").write_text(
        f'[package]\nname = "program"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n[dependencies]\n{needs}\n'
    )
    (alone / "src/main.rs").write_text((ROOT / "build.rs").read_text())
    shutil.copy(ROOT / "Cargo.lock", alone / "Cargo.lock")
    cargo(alone, "fetch")
    return timed(alone, "build")[2]


if __name__ == "__main__":
    main()
