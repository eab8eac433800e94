#!/usr/bin/env python3
"""Compares immuta-watch with what one would run instead: IMMUTA_WATCH=target/release/immuta-watch python3 bench/run.py

Everyone reads the same simulated export, one after the other, on one core. Data and results lie in target/bench. The
method and its caveats are in docs/benchmarks.md; --write-docs puts the results there. Exit code 1: contestants that
ask the same questions gave different answers, so that the times compare nothing.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import NamedTuple

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
sys.path[:0] = [str(ROOT / "tests"), str(BENCH)]
sys.dont_write_bytecode = True

import contest_webhook  # noqa: E402
import data  # noqa: E402
import packs  # noqa: E402
import report  # noqa: E402
import report_webhook  # noqa: E402
import run as end_to_end  # noqa: E402  tests/run.py, which makes the environment that DuckDB is in

WORK = ROOT / "target" / "bench"
BINARY = Path(os.environ.get("IMMUTA_WATCH", ROOT / "target" / "release" / "immuta-watch")).absolute()
CLASSIFY = Path(os.environ.get("IMMUTA_WATCH_CLASSIFY", BINARY.parent / "classify")).absolute()
WEBHOOK = Path(os.environ.get("IMMUTA_WATCH_WEBHOOK", BINARY.parent / "webhook")).absolute()
DECISION = Path(os.environ.get("DECISION", BINARY.parent / "examples" / "decision")).absolute()
FLOOR = Path(os.environ.get("FLOOR", BINARY.parent / "examples" / "floor")).absolute()
RSIGMA_VERSION = "0.23.0"
RSIGMA = WORK / "rsigma" / "bin" / "rsigma"

# Free disk that the largest size needs, for exports, lakes and temporary files: 20 bytes per byte of the export.
ROOM_FOR_FULL = 50e9
# Generated packs: how many rules, and whether variants of rules on queries are on queries too.
PACKS = ((50, True), (200, True), (1000, True), (1000, False))
# How often each is run; the best counts. Times that are long are steady.
BEST_OF = {1: 3, 10: 1, 100: 1}
STARTS = 20
# Small exports that reach the function at once.
SMALL_EXPORTS = 100


class Measured(NamedTuple):
    """The best of some runs of a command."""

    cpu: float
    """CPU seconds, user and system"""
    wall: float
    """Seconds on the clock, of the same run"""
    resident: float
    """Peak resident memory in MiB, of the run that had most"""
    out: str
    """What it printed, the last time"""


def measured(command, best_of=1, before=lambda: None, out=None) -> Measured:
    """Runs a command so often and returns the run with the least CPU time. `before` is not measured."""
    runs = []
    result, printed = WORK / "measured", out or WORK / "out"
    for _ in range(best_of):
        before()
        with printed.open("wb") as stdout, (WORK / "err").open("wb") as stderr:
            starter = [sys.executable, "-I", "-S", str(BENCH / "measure.py"), str(result), *map(str, command)]
            subprocess.run(starter, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, check=True)
        code, wall, cpu, peak = result.read_text().split()
        if code != "0":
            said = (WORK / "err").read_text(errors="replace")[-2000:]
            raise SystemExit(f"error: exit code {code} of {' '.join(map(str, command))}\n{said}")
        # Linux counts in kB, macOS in bytes.
        runs.append((float(cpu), float(wall), int(peak) / (2**20 if sys.platform == "darwin" else 2**10)))
    cpu, wall, _ = min(runs)
    return Measured(cpu, wall, max(run[2] for run in runs), "" if out else printed.read_text())


def row(name: str, found: Measured, export: data.Export) -> dict:
    """A line of a table of results."""
    return {
        "name": name,
        "cpu_seconds": round(found.cpu, 3),
        "wall_seconds": round(found.wall, 3),
        "resident_mib": round(found.resident, 1),
        "events_per_second": round(export.events / found.cpu),
        "mb_per_second": round(export.plain_bytes / 1e6 / found.cpu, 1),
    }


def classify(export: data.Export, best_of=1, pack=None) -> "tuple[Measured, dict]":
    """`immuta-watch run` into a new lake each time; what it took, and what it said."""
    lake = WORK / "lake"
    command = [BINARY, "run", export.path, "--lake", lake, "--jobs", "1", "--json"]
    command += ["--rules", pack] if pack else []
    found = measured(command, best_of, before=lambda: shutil.rmtree(lake, ignore_errors=True))
    return found, json.loads(found.out)


class Contest:
    """Everyone on exports of one size after the other; the answers are compared."""

    def __init__(self, rsigma: bool, duckdb: bool):
        self.rsigma, self.duckdb = rsigma, duckdb
        self.questions = packs.fifteen(BENCH / "rules", WORK / "packs" / "fifteen")
        self.differences: "list[str]" = []

    def run(self, export: data.Export, best_of: int) -> "list[dict]":
        rows = []

        def add(name, found):
            rows.append(row(name, found, export))
            print(report.line(rows[-1]), flush=True)

        print(f"\n{report.size_of(export)}\n{report.HEAD}", flush=True)
        for task, name in report.FLOORS.items():
            found = measured([FLOOR, task, export.path], best_of)
            self.same(f"{name}: events", json.loads(found.out)["events"] if task == "record" else None, export.events)
            add(name, found)
        add(report.WHOLE, classify(export, best_of)[0])
        found, said = classify(export, best_of, WORK / "packs" / "fifteen")
        add(report.FIFTEEN, found)
        ours = self.our_matches()
        answers = {"immuta-watch": ours}
        self.same("events classified", said["counts"]["classified"], export.events)
        self.same("matches in all", sum(ours.values()) if ours else None, said["counts"]["matches"])
        if self.rsigma:
            add(report.GZIP, measured([shutil.which("gzip"), "-dc", export.path], best_of, out=Path(os.devnull)))
            matches = WORK / "rsigma.ndjson"
            pipe = f"gzip -dc '{export.path}' | '{RSIGMA}' engine eval -r '{BENCH / 'rules'}' --input-format json -q"
            add(report.RSIGMA, measured(["/bin/sh", "-c", pipe], best_of, out=matches))
            answers["rsigma"] = self.rsigma_matches(matches)
            matches.unlink()
        found = measured([sys.executable, BENCH / "plain_python.py", export.path], best_of)
        add(report.PYTHON, found)
        plain = json.loads(found.out)
        answers["plain Python"] = plain["rules"]
        self.same("events of plain Python", plain["events"], export.events)
        if self.duckdb:
            found = measured([end_to_end.python(), BENCH / "duckdb_rollup.py", export.path], best_of)
            add(report.DUCKDB, found)
            rollup = json.loads(found.out)
            self.same("events of DuckDB", rollup["events"], export.events)
            self.same("kinds of DuckDB and plain Python", rollup["kinds"], plain["kinds"])
        for name, answer in answers.items():
            if answer is None:
                self.same(f"matches of {name}", None, None)
                continue
            for rule in sorted(self.questions.values()):
                self.same(f"{rule}: matches of {name}", answer.get(rule, 0), plain["rules"].get(rule, 0))
            self.same(f"matches of {name} in all", sum(answer.values()), said["counts"]["matches"])
        print(f"the same answers: {', '.join(answers)}, {said['counts']['matches']:,} matches of 15 rules")
        return rows

    def same(self, what: str, one, other) -> None:
        """Notes a difference; None is not known."""
        if one is not None and one != other:
            self.differences.append(f"{what}: {one}, and not {other}")
            print(f"DIFFERENT {self.differences[-1]}")

    def our_matches(self) -> "dict | None":
        """Matches per rule, read from the rollups of the lake; None without DuckDB."""
        if not self.duckdb:
            return None
        sql = f"""SELECT value, sum(events)::BIGINT FROM read_parquet('{WORK}/lake/rollups/*/*.parquet')
                  WHERE aggregate = 'question' GROUP BY ALL"""
        ask = f"import duckdb, json; print(json.dumps(dict(duckdb.sql({sql!r}).fetchall())))"
        answer = subprocess.run([end_to_end.python(), "-c", ask], check=True, capture_output=True).stdout
        return {self.questions[question]: count for question, count in json.loads(answer).items()}

    def rsigma_matches(self, path: Path) -> dict:
        names = {}
        for file in (BENCH / "rules").glob("*.yml"):
            rule_id = next(line[4:] for line in file.read_text().splitlines() if line.startswith("id: "))
            names[rule_id] = file.stem
        counts: dict = {}
        with path.open() as lines:
            for line in lines:
                name = names[json.loads(line)["rule_id"]]
                counts[name] = counts.get(name, 0) + 1
        return counts


def pack_sizes(export: data.Export, best_of: int) -> "list[dict]":
    """The whole of classify with grown packs, and how long they take to load."""
    found = []
    print("\npacks that grow")
    for size, keep_query in PACKS:
        pack = WORK / "packs" / "grown"
        packs.grown(ROOT / "rules", pack, size, keep_query)
        took, said = classify(export, best_of, pack)
        check = measured([BINARY, "rules", "check", "--rules", pack], 5)
        matches = said["counts"]["matches"]
        load_ms = round(check.cpu * 1e3, 1)
        facts = {"rules": size, "on_queries": keep_query, "matches": matches, "load_ms": load_ms}
        found.append({**row(report.pack_name(facts), took, export), **facts})
        print(f"{found[-1]['name']:40}{took.cpu:9.2f} s CPU, {load_ms:.0f} ms of it to start and load", flush=True)
    return found


def install_rsigma() -> "str | None":
    """Installs the rsigma command line below target/bench; returns why it could not."""
    if RSIGMA.exists():
        return None
    print(f"Building rsigma {RSIGMA_VERSION} (once, several minutes) ...", flush=True)
    command = ["cargo", "install", "rsigma", "--version", RSIGMA_VERSION, "--locked"]
    command += ["--quiet", "--root", str(WORK / "rsigma")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason was given"])[-1]


def function(large: data.Export, many: data.Export) -> dict:
    """The function classify, behind a Lambda runtime API; see functions.py."""
    print("\nthe function classify", flush=True)
    command = [end_to_end.python(), BENCH / "functions.py", large.path, many.path, SMALL_EXPORTS]
    environment = {**os.environ, "IMMUTA_WATCH": str(BINARY), "IMMUTA_WATCH_CLASSIFY": str(CLASSIFY)}
    done = subprocess.run(list(map(str, command)), env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    local = classify(large)[0]
    shutil.rmtree(WORK / "lake", ignore_errors=True)
    facts = {"large_facts": large.facts(), "local_cpu_seconds": round(local.cpu, 3)}
    return {**found, **facts, "zip_mib": round(zipped(CLASSIFY) / 2**20, 2)}


def webhook() -> "tuple[dict, list[str]]":
    """The function webhook; see contest_webhook.py."""
    print("\nthe function webhook", flush=True)
    found, differences = contest_webhook.run(measured, WORK, end_to_end.python(), BINARY, WEBHOOK, DECISION)
    return {**found, "zip_mib": round(zipped(WEBHOOK) / 2**20, 2)}, differences


def zipped(binary: Path) -> int:
    """The size of the zip that Lambda is given, in bytes."""
    stripped = WORK / "bootstrap"
    shutil.copy(binary, stripped)
    subprocess.run(["strip", stripped], check=False)
    packed = WORK / "bootstrap.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        out.write(stripped, "bootstrap")
    return packed.stat().st_size


def machine() -> dict:
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(": ", 1)[1] if names else cpu
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--base", action="store_true", help="the base size only (a few minutes)")
    size.add_argument("--full", action="store_true", help="also 100 times the base size (an hour, 50 GB of disk)")
    parser.add_argument("--function", action="store_true", help="only what the function takes")
    parser.add_argument("--webhook", action="store_true", help="only what the function webhook takes")
    parser.add_argument("--no-rsigma", action="store_true", help="leave out rsigma, whose build takes several minutes")
    parser.add_argument("--no-memory", action="store_true", help="leave out the 1 GiB export")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/benchmarks.md")
    return parser.parse_args()


def main() -> int:
    chosen = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    for binary in (BINARY, CLASSIFY, WEBHOOK, FLOOR, DECISION):
        if not binary.exists():
            raise SystemExit(f"error: there is no {binary}; run `make bench`, which builds it")
    left_out = []
    parts_alone = chosen.function or chosen.webhook
    no_rsigma = "not asked for" if chosen.no_rsigma or parts_alone else install_rsigma()
    no_duckdb = end_to_end.make_environment()
    for name, reason in (("rsigma", no_rsigma), ("DuckDB", no_duckdb)):
        if reason is not None:
            left_out.append(f"{name}: {reason}")
            print(f"LEFT OUT {left_out[-1]}")
    release = subprocess.run([BINARY, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]
    if parts_alone:
        if no_duckdb is not None:
            raise SystemExit(f"error: no environment for the stand-ins of AWS: {no_duckdb}")
        results = {"date": date.today().isoformat(), "release": release, "machine": machine()}
        differences = []
        if chosen.function:
            many = data.export(BINARY, WORK / "data", release, data.base_times(1))
            large = data.export(BINARY, WORK / "data", release, data.GIBIBYTE)
            results["function"] = function(large, many)
            print(report.function_lines(results["function"]))
        if chosen.webhook:
            results["webhook"], differences = webhook()
            print(report_webhook.lines(results["webhook"]))
        if differences:
            return 1
        if chosen.write_docs:
            report.write_docs(results, ROOT / "docs" / "benchmarks.md")
        return 0
    contest = Contest(rsigma=no_rsigma is None, duckdb=no_duckdb is None)
    multiples = [1] if chosen.base else [1, 10]
    if chosen.full:
        if shutil.disk_usage(WORK).free > ROOM_FOR_FULL:
            multiples.append(100)
        else:
            left_out.append(f"100 times the base size: it takes {ROOM_FOR_FULL / 1e9:.0f} GB of free disk")
            print(f"LEFT OUT {left_out[-1]}")

    exports = {
        multiple: data.export(BINARY, WORK / "data", release, data.base_times(multiple)) for multiple in multiples
    }
    results = {"date": date.today().isoformat(), "release": release, "machine": machine(), "left_out": left_out}
    results["sizes"] = [
        {**exports[multiple].facts(), "multiple": multiple, "best_of": BEST_OF[multiple],
         "rows": contest.run(exports[multiple], BEST_OF[multiple])}
        for multiple in multiples
    ]
    results["packs"] = pack_sizes(exports[1], BEST_OF[1])
    # A pack that is smaller than the shipped one lacks some of its rules, and so may lack matches.
    shipped = len(list((ROOT / "rules").rglob("*.yml")))
    for found in (found for found in results["packs"] if found["rules"] >= shipped):
        contest.same(f"matches of {found['name']}", found["matches"], results["packs"][-1]["matches"])
    start = min((measured([BINARY, "rules", "check"]) for _ in range(STARTS)), key=lambda found: found.wall)
    results["start_ms"] = round(start.wall * 1e3, 1)
    if not chosen.no_memory:
        export = data.export(BINARY, WORK / "data", release, data.GIBIBYTE)
        results["memory"] = {**export.facts(), **row("", classify(export)[0], export)}
    if no_duckdb is None:
        results["function"] = function(data.export(BINARY, WORK / "data", release, data.GIBIBYTE), exports[1])
        results["webhook"], differences = webhook()
        contest.differences += differences
    results["differences"] = contest.differences
    (WORK / "result.json").write_text(json.dumps(results, indent=2) + "\n")
    shutil.rmtree(WORK / "lake", ignore_errors=True)

    print("\n" + report.summary(results))
    if "function" in results:
        print(report.function_lines(results["function"]))
    if "webhook" in results:
        print(report_webhook.lines(results["webhook"]))
    print(f"\nAll figures: {os.path.relpath(WORK / 'result.json')}. Ratios hold, figures drift.")
    if contest.differences:
        print(f"FAILED: {len(contest.differences)} answers differ, so the times compare nothing")
        return 1
    if chosen.write_docs:
        report.write_docs(results, ROOT / "docs" / "benchmarks.md")
        print("Wrote docs/benchmarks.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
