"""The exports that everyone reads: simulated once, put together into one gzip file, kept in target/bench/data."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple


class Export(NamedTuple):
    """One gzip export of NDJSON, about 2 kB an event."""

    path: Path
    lines: int
    """Lines of the file, blank and damaged ones included"""
    events: int
    """Lines that hold an event"""
    plain_bytes: int
    gzip_bytes: int

    def facts(self) -> dict:
        return {name: value for name, value in self._asdict().items() if name != "path"}


def base_times(multiple: int) -> "dict[str, int]":
    """A plan for `immuta-watch simulate`: ten days of a tenant, about 100,000 events and a multiple of that."""
    return {"days": 10, "events-per-day": 10_200 * multiple, "users": 300, "data-sources": 800, "export-hours": 2}


# At least 1 GiB of plain events over 90 days, for the peak of memory: many dates, people and objects.
GIBIBYTE = {"days": 90, "events-per-day": 6_300, "users": 1_000, "data-sources": 10_000, "export-hours": 24}


def export(binary: Path, folder: Path, release: str, plan: "dict[str, int]") -> Export:
    """The export of a plan; made if it is not there for this release."""
    name = "-".join([release, *map(str, plan.values())])
    path, facts = folder / f"{name}.json.gz", folder / f"{name}.facts.json"
    if not (facts.exists() and path.exists()):
        print(f"Simulating {plan['days'] * plan['events-per-day']:,} events, about ...", flush=True)
        made = folder / f"{name}.simulated"
        shutil.rmtree(made, ignore_errors=True)
        command = [binary, "simulate", "--out", made]
        for option, value in plan.items():
            command += [f"--{option}", value]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        counts = put_together(sorted((made / "exports").rglob("*.gz")), path)
        facts.write_text(json.dumps(counts))
        shutil.rmtree(made)
    return Export(path, **json.loads(facts.read_text()))


def put_together(parts: "list[Path]", path: Path) -> dict:
    """Writes the lines of all parts, as they are, into one gzip stream; what they came to."""
    lines = events = plain_bytes = 0
    unfinished = path.with_suffix(".unfinished")
    with gzip.GzipFile(unfinished, "wb", compresslevel=6, mtime=0) as out:
        for part in parts:
            with gzip.open(part, "rb") as plain:
                for line in plain:
                    line = line.removesuffix(b"\n") + b"\n"
                    lines += 1
                    events += is_event(line)
                    plain_bytes += len(line)
                    out.write(line)
    unfinished.rename(path)
    return {"lines": lines, "events": events, "plain_bytes": plain_bytes, "gzip_bytes": path.stat().st_size}


def is_event(line: bytes) -> bool:
    """Not so the blank lines and the damaged ones, which the simulator cuts off before their end."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
