"""Days compared with the weeks before, by the built programs: what is planted is found, what SQL over the ledgers finds and
nothing else, whatever comes late, and it is told once."""

import random
from datetime import datetime, timedelta, timezone

import duckdb
import pytest

from binary import immuta_watch
from conftest import SEEDS, simulated
from lakes import differences, lake_files
from test_correlations import CLOSE_DAY, alerts, change, queried
from watcher import Watcher

VOLUME, FIRST, RETURN = "sensitive_volume_unusual", "sensitive_object_first_read", "dormant_user_returned"
COMPARED = {VOLUME, FIRST, RETURN, "service_account_unusual_hour", "service_account_new_object"}
DAYS = 44
# Three correlations once more, in SQL over the ledger of queries: what an analyst would write.
READS = """
    CREATE TEMP TABLE ran AS SELECT DISTINCT ON (event_key) event_key, actor, objects,
        make_timestamp(epoch_us(event_time)) AS event_time, make_timestamp(epoch_us(event_time))::date AS day,
        sensitivity IN ('SENSITIVE', 'HIGHLY_SENSITIVE') AND impersonated_by IS NULL
            AND coalesce(actor_type, '') <> 'unknown' AS sensitive,
        actor LIKE 'svc-%' AS program
    FROM read_parquet('{lake}/ledger/access/*/*.parquet')
    WHERE coalesce(status, '') NOT IN ('UNAUTHORIZED', 'FAILURE');
    CREATE TEMP TABLE days AS SELECT DISTINCT actor, day FROM ran WHERE sensitive;
    CREATE TEMP TABLE seen AS SELECT DISTINCT actor, day, unnest(objects) AS object
    FROM ran WHERE sensitive AND NOT program;
    CREATE TEMP TABLE hours AS SELECT actor, date_trunc('hour', event_time) AS hour, count(*) AS n
    FROM ran WHERE sensitive GROUP BY ALL
"""
IN_SQL = {
    FIRST: """
        SELECT DISTINCT actor, day FROM seen new
        WHERE EXISTS (FROM days WHERE actor = new.actor AND day BETWEEN new.day - 56 AND new.day - 28)
        AND NOT EXISTS (FROM seen old WHERE old.actor = new.actor AND old.object = new.object
            AND old.day BETWEEN new.day - 56 AND new.day - 1)""",
    RETURN: """
        SELECT DISTINCT actor, day FROM ran now
        WHERE EXISTS (FROM ran old WHERE old.actor = now.actor AND old.day BETWEEN now.day - 182 AND now.day - 31)
        AND NOT EXISTS (FROM ran old WHERE old.actor = now.actor AND old.day BETWEEN now.day - 30 AND now.day - 1)""",
    VOLUME: """
        WITH busy AS (
            SELECT actor, hour, n, (SELECT min(day) FROM days d WHERE d.actor = h.actor AND d.day BETWEEN hour::date - 56
                AND hour::date - 1) AS first FROM hours h WHERE n >= 30),
        weeks AS (
            SELECT actor, hour, n, coalesce((SELECT max(o.n) FROM hours o WHERE o.actor = b.actor AND o.hour BETWEEN
                b.hour - to_days(7 * week) - INTERVAL 1 hour AND b.hour - to_days(7 * week) + INTERVAL 1 hour), 0) AS usual
            FROM busy b, range(1, 9) weeks(week)
            WHERE first <= hour::date - 28 AND hour::date - 7 * week::INTEGER >= first
            AND EXISTS (FROM days d WHERE d.actor = b.actor
                AND d.day BETWEEN hour::date - 7 * week::INTEGER - 6 AND hour::date - 7 * week::INTEGER)),
        usual AS (SELECT actor, hour, n, median(usual) AS m, mad(usual) AS apart
            FROM weeks GROUP BY ALL HAVING count(*) >= 3)
        SELECT DISTINCT actor, hour::date FROM usual WHERE (n - m) / greatest(1.4826 * apart, sqrt(m), 1) >= 6""",
}


class Compared:
    """A tenant of six weeks, and what was found in it."""

    def __init__(self, folder, seed):
        self.tenant = simulated(folder, seed, DAYS, 150, 40, 60, "--export-hours", 24)
        self.lake = folder / "lake"
        immuta_watch("run", self.tenant.exports, "--lake", self.lake, "--config", self.tenant.configuration)
        listed = immuta_watch("alerts", "--lake", self.lake, "--limit", 0, "--json").json_lines
        self.found = [alert for alert in listed if alert["rule"] in COMPARED]
        self.sql = duckdb.connect()
        self.sql.execute(READS.format(lake=self.lake))
        rows = self.sql.sql(f"SELECT event_id, event_key FROM read_parquet('{self.lake}/ledger/access/*/*.parquet')")
        self.keys = dict(rows.fetchall())

    def noted(self, which):
        return [noted for noted in self.tenant.truth[which] if noted["rule"] in COMPARED]

    def found_of(self, noted):
        of_group = [alert for alert in self.found if alert["rule"] == noted["rule"]]
        of_group = [alert for alert in of_group if alert["key"] == {name: [value] for name, value in noted["group"].items()}]
        return [alert for alert in of_group if alert["window_start"][:10] == noted["first"][:10]]


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed-{seed}")
def compared(request, tmp_path_factory):
    return Compared(tmp_path_factory.mktemp("compared"), request.param)


def test_what_is_planted_is_found_with_its_level_route_and_events(compared):
    planted = compared.noted("correlations")
    assert {noted["rule"] for noted in planted} == COMPARED
    for noted in planted:
        [alert] = compared.found_of(noted)
        assert (alert["level"], alert["route"]) == (noted["level"], noted["route"]), noted
        assert (alert["first"], alert["last"]) == (noted["first"], noted["last"]), noted
        shown = {moment["event"] for moment in alert["found"]["moments"]}
        keys = {compared.keys[event_id] for event_id in noted["event_ids"]}
        assert shown <= keys and (shown == keys or len(shown) >= 20), noted
        assert alert["found"]["before"], noted


def test_no_near_miss_is_found(compared):
    near = compared.noted("correlation_near_misses")
    assert len(near) >= 8
    for noted in near:
        assert compared.found_of(noted) == [], noted


def test_nobody_else_reads_unusually_much(compared):
    planted = [alert["id"] for noted in compared.noted("correlations") for alert in compared.found_of(noted)]
    interrupting = [alert for alert in compared.found if alert["route"] != "dashboard"]
    assert [alert for alert in interrupting if alert["id"] not in planted] == []


@pytest.mark.parametrize("rule", IN_SQL)
def test_sql_over_the_ledgers_finds_the_same_people_and_days(compared, rule):
    # The log is whole up to two days before its last event.
    ledgers = f"read_parquet('{compared.lake}/ledger/*/*/*.parquet', union_by_name = true)"
    latest = f"SELECT make_timestamp(max(epoch_us(event_time))) - INTERVAL 48 hours FROM {ledgers}"
    [(complete,)] = compared.sql.sql(latest).fetchall()
    in_sql = {(actor, str(day)) for actor, day in compared.sql.sql(IN_SQL[rule]).fetchall() if day < complete.date()}
    found = {(alert["key"]["watch.actor"][0], alert["window_start"][:10]) for alert in compared.found if alert["rule"] == rule}
    assert found == in_sql != set()


def test_explain_says_what_is_usual(compared):
    [alert, *_] = [alert for alert in compared.found if alert["rule"] == VOLUME]
    said = " ".join(immuta_watch("explain", alert["id"], "--lake", compared.lake).out.split())
    assert "How it was before" in said and "around that hour of the week there are usually" in said


def test_exports_that_come_late_make_another_version_of_the_days_and_of_all_that_were_compared(tmp_path):
    whole = Compared(tmp_path / "whole", SEEDS[0])
    files, lake = sorted(whole.tenant.files), tmp_path / "lake"
    withheld = random.Random(SEEDS[0]).sample(files[:-3], 8)
    immuta_watch("run", *[file for file in files if file not in withheld], "--lake", lake, "--config", whole.tenant.configuration)
    assert differences(lake_files(lake / "profiles"), lake_files(whole.lake / "profiles"))
    immuta_watch("run", *files, "--lake", lake, "--config", whole.tenant.configuration)
    emptied = [path for path in (lake / "correlated").rglob("*.ndjson") if path.read_bytes().count(b"\n") == 1]
    for path in emptied:
        path.unlink()
    assert differences(lake_files(lake), lake_files(whole.lake)) == []
    immuta_watch("verify", "--lake", lake)
    # Profiles are a cache: without them, and with damaged ones, the same is found.
    for number, path in enumerate(sorted((lake / "profiles").rglob("*.ndjson"))):
        path.unlink() if number % 2 else path.write_bytes(path.read_bytes()[:-9])
    assert "it is damaged" in immuta_watch("verify", "--lake", lake, expect=1).out
    immuta_watch("run", "--again", *files[-12:], "--lake", lake, "--config", whole.tenant.configuration)
    for path in emptied:
        path.unlink(missing_ok=True)
    assert differences(lake_files(lake / "correlated"), lake_files(whole.lake / "correlated")) == []


def test_close_day_tells_of_it_once(cloud, slack):
    now = datetime.now(timezone.utc).replace(minute=5, second=0, microsecond=0)
    burst = now - timedelta(hours=76)
    sensitive = {"securityProfile": {"sensitivity": {"score": "SENSITIVE"}}}

    def read(at, number):
        made = queried(at, number)
        return {**made, "auditPayload": {**made["auditPayload"], **sensitive}}

    with Watcher(cloud, slack) as world:
        history = [read(burst - timedelta(days=7 * week, minutes=-week), week) for week in range(1, 6)]
        world.export(*history, name="1.ndjson")
        world.export(*[read(burst + timedelta(seconds=40 * number), 100 + number) for number in range(60)], name="2.ndjson")
        assert world.sweep.invoke(CLOSE_DAY)["alerts"] == 0
        assert alerts(world, VOLUME) == [], "the day is not closed"
        world.export(change("TagCreated", now, 9), name="3.ndjson")
        assert world.sweep.invoke(CLOSE_DAY)["alerts"] == 1
        (alert,) = alerts(world, VOLUME)
        assert alert["found"]["before"]["counts"]["events"] == 60
        assert [told for told, _ in world.told_by_slack()].count(alert["id"]) == 1
        world.sweep.invoke(CLOSE_DAY)
        assert [told for told, _ in world.told_by_slack()].count(alert["id"]) == 1
        said, _ = world.explain(alert["id"])
        assert "around that hour of the week there are usually 1 (1, 1, 1, 1, 1 in the weeks before" in " ".join(said.split())
