"""DuckDB reads the lake with no help, and counts what the manifests say."""

from collections import Counter

import duckdb
import pytest

from binary import immuta_watch
from lakes import manifests


def rows(query: str) -> list:
    return duckdb.sql(query).fetchall()


@pytest.mark.parametrize("ledger", ["access", "changes"])
def test_one_line_reads_a_ledger_and_its_rows_are_those_of_the_manifests(tenant_lake, ledger):
    [(count,)] = rows(f"SELECT count(*) FROM read_parquet('{tenant_lake}/ledger/{ledger}/*/*.parquet')")
    assert count == sum(manifest["counts"][ledger] for manifest in manifests(tenant_lake))
    assert count > 100


@pytest.mark.parametrize("ledger", ["access", "changes"])
def test_dates_of_partitions_are_a_column_and_their_rows_are_those_of_the_manifests(tenant_lake, ledger):
    expected = Counter()
    for manifest in manifests(tenant_lake):
        for file in manifest["files"]:
            if file["name"].startswith(f"ledger/{ledger}/date="):
                expected[file["name"].split("/")[2].removeprefix("date=")] += file["rows"]
    table = f"read_parquet('{tenant_lake}/ledger/{ledger}/*/*.parquet', hive_partitioning = true)"
    found = dict(rows(f"SELECT CAST(date AS VARCHAR), count(*) FROM {table} GROUP BY ALL"))
    assert found == expected
    assert len(found) == 8
    [(strays,)] = rows(f"SELECT count(*) FROM {table} WHERE date <> CAST(event_time AT TIME ZONE 'UTC' AS DATE)")
    assert strays == 0


@pytest.mark.parametrize("ledger", ["access", "changes"])
def test_every_row_names_the_line_that_it_came_from(tenant_lake, ledger):
    table = f"read_parquet('{tenant_lake}/ledger/{ledger}/*/*.parquet')"
    per_source = {manifest["source"]: manifest["counts"] for manifest in manifests(tenant_lake)}
    for source, count, lines, last in rows(
        f"SELECT source, count(*), count(DISTINCT line), max(line) FROM {table} GROUP BY ALL"
    ):
        assert count == lines == per_source[source][ledger]
        assert last <= per_source[source]["read"]


def test_both_ledgers_together_hold_every_event_and_no_line_twice(tenant, tenant_lake):
    table = f"read_parquet('{tenant_lake}/ledger/*/*/*.parquet', union_by_name = true)"
    [(count, places)] = rows(f"SELECT count(*), count(DISTINCT (source, line)) FROM {table}")
    assert count == places == tenant.truth["events"]


def test_rollups_by_kind_count_what_the_ledgers_hold(tenant_lake):
    rollups = f"read_parquet('{tenant_lake}/rollups/*/*.parquet')"
    by_kind = rows(
        f"SELECT value, epoch(hour), sum(events) FROM {rollups} WHERE aggregate = 'kind' GROUP BY ALL ORDER BY ALL"
    )
    ledgers = f"read_parquet('{tenant_lake}/ledger/*/*/*.parquet', union_by_name = true)"
    expected = rows(
        f"SELECT coalesce(kind, 'Query'), 3600 * floor(epoch(event_time) / 3600), count(*) FROM {ledgers} "
        "GROUP BY ALL ORDER BY ALL"
    )
    assert by_kind == expected
    assert len(expected) > 100


@pytest.mark.parametrize(("aggregate", "column"), [("actor", "actor"), ("status", "status")])
def test_rollups_of_single_values_count_what_the_ledgers_hold(tenant_lake, aggregate, column):
    rollups = f"read_parquet('{tenant_lake}/rollups/*/*.parquet')"
    counted = rows(f"SELECT value, sum(events) FROM {rollups} WHERE aggregate = '{aggregate}' GROUP BY ALL")
    ledgers = f"read_parquet('{tenant_lake}/ledger/*/*/*.parquet', union_by_name = true)"
    expected = rows(f"SELECT {column}, count(*) FROM {ledgers} WHERE {column} IS NOT NULL GROUP BY ALL")
    assert dict(counted) == dict(expected)


def test_rollups_of_sensitivity_count_what_the_ledger_of_queries_holds(tenant_lake):
    rollups = f"read_parquet('{tenant_lake}/rollups/*/*.parquet')"
    counted = dict(rows(f"SELECT value, sum(events) FROM {rollups} WHERE aggregate = 'sensitivity' GROUP BY ALL"))
    access = f"read_parquet('{tenant_lake}/ledger/access/*/*.parquet')"
    expected = dict(rows(f"SELECT sensitivity, count(*) FROM {access} WHERE sensitivity IS NOT NULL GROUP BY ALL"))
    assert counted == expected
    assert "HIGHLY_SENSITIVE" in counted


def test_rows_with_the_same_event_key_are_the_duplicates_that_inspect_counts(tenant, tenant_lake):
    table = f"read_parquet('{tenant_lake}/ledger/*/*/*.parquet', union_by_name = true)"
    [(duplicates,)] = rows(f"SELECT count(*) - count(DISTINCT event_key) FROM {table}")
    assert duplicates == immuta_watch("inspect", tenant.exports, "--json").json["duplicates"]


def test_copies_of_an_export_are_the_same_events_in_other_rows(small_tenant, tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    for name in ("one", "two", "three"):
        (exports / f"{name}.json.gz").write_bytes(small_tenant.files[0].read_bytes())
    immuta_watch("run", exports, "--lake", tmp_path / "lake")
    table = f"read_parquet('{tmp_path}/lake/ledger/*/*/*.parquet', union_by_name = true)"
    [(events, copies)] = rows(f"SELECT count(DISTINCT event_key), count(*) FROM {table}")
    assert copies == 3 * events
    alerts = immuta_watch("alerts", "--lake", tmp_path / "lake", "--limit", 0, "--json").json_lines
    immuta_watch("run", exports / "one.json.gz", "--lake", tmp_path / "once")
    once = immuta_watch("alerts", "--lake", tmp_path / "once", "--limit", 0, "--json").json_lines
    assert [(alert["id"], alert["count"]) for alert in alerts] == [(alert["id"], alert["count"]) for alert in once]


def test_the_raw_record_of_a_change_is_json_that_can_be_asked(tenant_lake):
    table = f"read_parquet('{tenant_lake}/ledger/changes/*/*.parquet')"
    [(differing,)] = rows(f"SELECT count(*) FROM {table} WHERE event_id IS DISTINCT FROM raw->>'$.id'")
    assert differing == 0
