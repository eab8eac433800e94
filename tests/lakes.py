"""Looking into a lake with nothing but the documented names of its files."""

import hashlib
import json
import re
from pathlib import Path

import duckdb


# That a day is to be compared once it is closed, under a name that nobody else draws.
OPEN_DAY = re.compile(r"open/[0-9a-f-]+/\d{8}-(announced|silent)-[0-9a-f]{16}\.json")


def lake_files(folder: Path) -> dict:
    """{relative path: SHA-256} of every file, without the hidden folder of locks and half-written files, and without what
    is left to do once days are closed."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != ".immuta-watch" and not OPEN_DAY.fullmatch(str(name)):
            files[str(name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files


def differences(one: dict, other: dict) -> list:
    """The names that two lakes do not have in common, or with other content."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def source_of(export: Path) -> str:
    """The name that every file of an export bears: the first half of SHA-256 over its address, in hex."""
    return hashlib.sha256(f"file://{export.resolve()}".encode()).hexdigest()[:32]


def manifest_path(lake: Path, export: Path) -> Path:
    return lake / "manifests" / f"{source_of(export)}.json"


def manifest(lake: Path, export: Path) -> dict:
    return json.loads(manifest_path(lake, export).read_text())


def manifests(lake: Path) -> list:
    return [json.loads(path.read_text()) for path in sorted((lake / "manifests").glob("*.json"))]


def write_manifest(path: Path, content: dict) -> None:
    """Writes a manifest with the seal that it would have, had the program written it."""
    content["seal"] = ""
    content["seal"] = hashlib.sha256(encoded(content)).hexdigest()
    path.write_bytes(encoded(content))


def encoded(content: dict) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def quarantine(lake: Path, export: Path) -> list:
    """The quarantined lines of an export."""
    path = lake / "quarantine" / f"{source_of(export)}.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def ledger_rows(lake: Path, ledger: str, columns: str, export: Path = None) -> list:
    """Rows of a ledger in the order of the export's lines; none if there is no file to read."""
    name = source_of(export) if export else "*"
    if not list((lake / "ledger" / ledger).glob(f"*/{name}.parquet")):
        return []
    table = f"read_parquet('{lake}/ledger/{ledger}/*/{name}.parquet', hive_partitioning = true)"
    return duckdb.sql(f"SELECT {columns} FROM {table} ORDER BY source, line").fetchall()
