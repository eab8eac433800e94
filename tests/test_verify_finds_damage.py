"""Promise: `verify` counts again from the exports and the files, and finds what is not as it was."""

import gzip
import hashlib
import json
import shutil

import duckdb
import pytest

from binary import DONE, FAILED, LOOK_NEEDED, immuta_watch
from conftest import Tenant
from lakes import encoded, manifest, manifest_path, source_of, write_manifest


class Damaged:
    """A lake and its exports, both copies, to be damaged."""

    def __init__(self, tenant, folder):
        self.exports = folder / "exports"
        shutil.copytree(tenant.exports, self.exports)
        self.lake = folder / "lake"
        immuta_watch("run", self.exports, "--lake", self.lake)
        # The export with the most events has a file of every kind.
        self.export = max(Tenant(self.exports, {}).files, key=lambda path: path.stat().st_size)
        self.manifest = manifest_path(self.lake, self.export)

    def file(self, area):
        """The first file of the export in an area of the lake."""
        return next(iter(sorted((self.lake / area).glob(f"**/{source_of(self.export)}.*"))))

    def name(self, path):
        return str(path.relative_to(self.lake))

    def assert_verify_says(self, about, *words):
        """`verify` finds something wrong with `about`, in these words, and says so for people and for programs."""
        found = immuta_watch("verify", "--lake", self.lake, "--exports", self.exports, "--json", expect=LOOK_NEEDED)
        assert not found.json["whole"]
        said = [problem["what"] for problem in found.json["problems"] if problem["about"] == about]
        for word in words:
            assert any(word in what for what in said), f"{word!r} is not among {found.json['problems']}"
        text = immuta_watch("verify", "--lake", self.lake, "--exports", self.exports, expect=LOOK_NEEDED).out
        assert about in text
        assert "the lake is whole" not in text

    def assert_a_run_mends_it(self, *options):
        immuta_watch("run", self.exports, "--lake", self.lake, *options)
        immuta_watch("verify", "--lake", self.lake, "--exports", self.exports)


@pytest.fixture
def damaged(small_tenant, tmp_path):
    return Damaged(small_tenant, tmp_path)


def without_a_row(path):
    """Rewrites a Parquet file without its last row; returns how many rows are left."""
    table = f"read_parquet('{path}', file_row_number = true, hive_partitioning = false)"
    kept = f"SELECT * EXCLUDE file_row_number FROM {table} WHERE file_row_number < (SELECT count(*) - 1 FROM {table})"
    rewritten = path.with_suffix(".rewritten")
    duckdb.sql(f"COPY ({kept}) TO '{rewritten}' (FORMAT parquet, COMPRESSION zstd)")
    rewritten.replace(path)
    return duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()[0][0]


def test_a_sound_lake_is_whole(small_tenant, tmp_path):
    lake = tmp_path / "lake"
    immuta_watch("run", small_tenant.exports, "--lake", lake)
    ran = immuta_watch("verify", "--lake", lake, "--exports", small_tenant.exports, expect=DONE)
    assert "the lake is whole" in ran.out
    found = immuta_watch("verify", "--lake", lake, "--exports", small_tenant.exports, "--json").json
    assert found["whole"] and found["problems"] == []
    assert found["manifests"] == found["exports_recounted"] == len(small_tenant.files)
    assert found["exports_absent"] == 0


def test_a_lake_whose_exports_were_moved_away_is_whole_and_says_that_they_are_absent(damaged):
    damaged.exports.rename(damaged.exports.with_name("archive"))
    found = immuta_watch("verify", "--lake", damaged.lake, "--json").json
    assert found["whole"]
    assert found["exports_recounted"] == 0
    assert found["exports_absent"] == found["manifests"]


@pytest.mark.parametrize("ledger", ["access", "changes"])
def test_a_row_removed_from_a_ledger(damaged, ledger):
    file = damaged.file(f"ledger/{ledger}")
    rows = without_a_row(file)
    damaged.assert_verify_says(damaged.name(file), f"it has {rows} rows, and its manifest says {rows + 1}")
    damaged.assert_a_run_mends_it("--again")


def test_a_row_removed_and_every_trace_of_it_sealed_anew(damaged):
    """Somebody who can write the lake can make it agree with itself, but not with the export."""
    file = damaged.file("ledger/changes")
    rows = without_a_row(file)
    forged = json.loads(damaged.manifest.read_text())
    forged["counts"]["changes"] -= 1
    forged["counts"]["classified"] -= 1
    forged["counts"]["read"] -= 1
    for entry in forged["files"]:
        if entry["name"] == damaged.name(file):
            content = file.read_bytes()
            entry.update(rows=rows, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    write_manifest(damaged.manifest, forged)
    damaged.assert_verify_says(damaged.name(damaged.manifest), "the export has", "lines for the ledger changes")


def test_a_row_removed_from_a_rollup(damaged):
    file = damaged.file("rollups")
    rows = without_a_row(file)
    damaged.assert_verify_says(damaged.name(file), f"it has {rows} rows")


def test_a_value_changed_in_a_ledger(damaged):
    file = damaged.file("ledger/changes")
    rewritten = file.with_suffix(".rewritten")
    table = f"read_parquet('{file}', hive_partitioning = false)"
    duckdb.sql(
        f"COPY (SELECT * REPLACE ('mallory' AS actor) FROM {table}) TO '{rewritten}' (FORMAT parquet, COMPRESSION zstd)"
    )
    rewritten.replace(file)
    damaged.assert_verify_says(damaged.name(file), "its hash differs")
    damaged.assert_a_run_mends_it("--again")


def test_an_alert_taken_out(damaged):
    file = damaged.file("alerts")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    damaged.assert_verify_says(damaged.name(file), "rows, and its manifest says")


def test_a_ledger_that_is_cut_short(damaged):
    file = damaged.file("ledger/access")
    file.write_bytes(file.read_bytes()[:-100])
    damaged.assert_verify_says(damaged.name(file), "cannot be read as Parquet")
    damaged.assert_a_run_mends_it("--again")


def test_a_ledger_that_is_deleted(damaged):
    file = damaged.file("ledger/changes")
    file.unlink()
    damaged.assert_verify_says(damaged.name(file), "the file is missing")
    damaged.assert_a_run_mends_it("--again")


def test_this_suite_seals_a_manifest_as_the_program_does(damaged):
    before = damaged.manifest.read_bytes()
    write_manifest(damaged.manifest, json.loads(before))
    assert damaged.manifest.read_bytes() == before


def test_a_count_changed_in_a_manifest(damaged):
    changed = manifest(damaged.lake, damaged.export)
    changed["counts"]["matches"] += 1
    damaged.manifest.write_bytes(encoded(changed))
    damaged.assert_verify_says(damaged.name(damaged.manifest), "the manifest was changed after it was written")
    damaged.assert_a_run_mends_it("--again")


def test_counts_changed_in_a_manifest_that_is_sealed_anew(damaged):
    changed = manifest(damaged.lake, damaged.export)
    for count in ("read", "classified", "access"):
        changed["counts"][count] -= 1
    write_manifest(damaged.manifest, changed)
    name = damaged.name(damaged.manifest)
    damaged.assert_verify_says(name, "the ledger access holds", "the export has", "its rollups count")
    damaged.assert_a_run_mends_it("--again")


def test_counts_that_do_not_come_out_even(damaged):
    changed = manifest(damaged.lake, damaged.export)
    changed["counts"]["blank"] += 1
    write_manifest(damaged.manifest, changed)
    damaged.assert_verify_says(damaged.name(damaged.manifest), "do not come out even")


def test_a_count_of_undated_events_changed_in_a_manifest_that_is_sealed_anew(damaged):
    changed = manifest(damaged.lake, damaged.export)
    changed["counts"]["undated"] += 1
    write_manifest(damaged.manifest, changed)
    damaged.assert_verify_says(damaged.name(damaged.manifest), "time")


def test_a_manifest_that_is_no_json(damaged):
    damaged.manifest.write_text('{"manifest_version": 1, ')
    damaged.assert_verify_says(damaged.name(damaged.manifest), "the manifest is damaged")
    damaged.assert_a_run_mends_it("--again")


def test_a_manifest_under_the_name_of_another(damaged):
    elsewhere = damaged.manifest.with_name("0" * 32 + ".json")
    damaged.manifest.rename(elsewhere)
    damaged.assert_verify_says(damaged.name(elsewhere), "this is not the name of the manifest of")


@pytest.mark.parametrize("area", ["ledger/access", "ledger/changes", "rollups", "alerts"])
def test_a_file_that_no_manifest_names(damaged, area):
    stray = damaged.file(area)
    stray = shutil.copy(stray, stray.with_name("0" * 32 + stray.suffix))
    damaged.assert_verify_says(damaged.name(stray), "no manifest names this file")


def test_a_file_of_quarantine_that_no_manifest_names(damaged):
    stray = damaged.lake / "quarantine" / ("0" * 32 + ".ndjson")
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("")
    damaged.assert_verify_says(damaged.name(stray), "no manifest names this file")


def test_an_export_without_a_manifest(damaged):
    added = shutil.copy(damaged.export, damaged.exports / "late.json.gz")
    damaged.assert_verify_says(f"file://{added.resolve()}", "the export has no manifest")
    damaged.assert_a_run_mends_it()


def test_a_manifest_that_is_deleted(damaged):
    damaged.manifest.unlink()
    damaged.assert_verify_says(f"file://{damaged.export.resolve()}", "the export has no manifest")
    damaged.assert_a_run_mends_it()


def test_an_export_that_changed_after_it_was_classified(damaged):
    with damaged.export.open("ab") as export:
        export.write(gzip.compress(b"\n"))
    damaged.assert_verify_says(f"file://{damaged.export.resolve()}", "the export changed since it was classified")
    damaged.assert_a_run_mends_it()


def test_a_lease_that_was_left_behind(damaged):
    lease = damaged.lake / "leases" / damaged.manifest.name
    lease.parent.mkdir(exist_ok=True)
    left = {"holder": "1-gone", "expires": "2026-11-02T10:00:00Z", "touched": [damaged.name(damaged.file("rollups"))]}
    lease.write_text(json.dumps(left))
    damaged.assert_verify_says(damaged.name(lease), "its attempt died")
    damaged.assert_a_run_mends_it()


def test_all_damages_are_told_at_once(damaged):
    damaged.file("ledger/access").unlink()
    without_a_row(damaged.file("ledger/changes"))
    stray = damaged.lake / "rollups" / "stray.parquet"
    stray.write_bytes(b"")
    about = {damaged.name(damaged.file("ledger/changes")), damaged.name(stray)}
    ran = immuta_watch("verify", "--lake", damaged.lake, "--json", expect=LOOK_NEEDED)
    assert about < {problem["about"] for problem in ran.json["problems"]}


def test_a_folder_that_is_no_lake(tmp_path):
    ran = immuta_watch("verify", "--lake", tmp_path, expect=FAILED)
    assert f"there is no lake in {tmp_path}" in ran.err
    assert "immuta-watch run" in ran.err
    assert list(tmp_path.iterdir()) == [], "nothing is made where there was no lake"
