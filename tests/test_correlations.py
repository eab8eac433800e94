"""Correlations over several exports, by the built functions: found once, updated, withdrawn, and told once."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from binary import SWEEP
from deployment import Deployment
from lambda_runtime import Function
from on_cloud import program_on
from records import ndjson, record
from watcher import DELIVER, Watcher, text

CLOSE_DAY = {"task": "close-day"}
NOW = datetime.now(timezone.utc).replace(microsecond=0)


@pytest.fixture
def world(cloud, slack):
    with Watcher(cloud, slack) as world:
        yield world


def change(kind: str, at: datetime, number: int, actor="ann@example.com", **changes) -> dict:
    actor = {"type": "USER_ACTOR", "id": actor, "name": actor.split("@")[0], "identityProvider": "okta"}
    payload = {"type": f"{kind}AuditPayload", **changes.pop("payload", {})}
    times = {"eventTimestamp": text(at), "receivedTimestamp": text(at)}
    return record(kind, number, **times, actor=actor, auditPayload=payload, **changes)


def tagged(kind: str, at: datetime, number: int) -> dict:
    targets = [{"type": "DATASOURCE", "id": "640", "name": "sales.customers"}]
    return change(kind, at, number, targetType="DATASOURCE", targets=targets, payload={"tag": {"name": "Discovered.PII"}})


def queried(at: datetime, number: int, status="SUCCESS", actor="bob@example.com") -> dict:
    targets = [{"type": "DATASOURCE", "id": "640", "name": "sales.customers"}]
    payload = {"objectsAccessed": [{"name": "sales.customers", "datasourceId": 640}]}
    made = change("Query", at, number, actor=actor, targetType="DATASOURCE", targets=targets, payload=payload)
    return {**made, "action": "QUERY", "actionStatus": status}


def alerts(world, rule: str) -> list:
    program = program_on(world.cloud)
    lines = program("alerts", "--lake", world.lake, "--rule", rule, "--json").out.splitlines()
    return [json.loads(line) for line in lines]


STRIPPED = "sensitive_tag_stripped_and_restored"


def test_a_tag_stripped_in_one_export_and_put_back_in_another_is_told_once_with_its_time_line(world):
    begin = NOW - timedelta(hours=5)
    put_back = tagged("TagApplied", begin + timedelta(hours=2), 3)
    world.export(put_back, name="3.ndjson")
    assert alerts(world, STRIPPED) == []
    world.export(queried(begin + timedelta(hours=1), 2), name="2.ndjson")
    world.export(tagged("TagRemoved", begin, 1), name="1.ndjson")
    (alert,) = alerts(world, STRIPPED)
    assert alert["count"] == 3
    (line,) = [line for line in world.lines("Windows correlated.") if line["AlertsCorrelated"]]
    assert (line["withdrawn"], line["CorrelationsLeft"]) == (0, 0)
    ids = [told for told, _ in world.told_by_slack()]
    assert ids.count(alert["id"]) == 1
    # Another event of the same: the result is updated, and nobody is told again.
    world.export(queried(begin + timedelta(minutes=90), 4), put_back, name="4.ndjson")
    (updated,) = alerts(world, STRIPPED)
    assert (updated["id"], updated["count"]) == (alert["id"], 4)
    world.sweep.invoke(DELIVER)
    assert [told for told, _ in world.told_by_slack()].count(alert["id"]) == 1
    said, known = world.explain(alert["id"])
    assert [moment["line"] for moment in known["found"]["moments"]] == [1, 1, 1, 1]
    times = [moment["time"] for moment in known["found"]["moments"]]
    assert times == sorted(times)
    assert "sensitive_tag_removed, then data_queried, then sensitive_tag_put_on within 1 day" in " ".join(said.split())
    assert said.index("1.ndjson") < said.index("2.ndjson") < said.index("4.ndjson") < said.index("3.ndjson")
    # Names, and not the identifier by which events are grouped; whoever had a hand in it; and not the tags of what was read.
    listed = program_on(world.cloud)("alerts", "--lake", world.lake, "--rule", STRIPPED).out
    assert "ann@example.com, bob@example.com → sales.customers: Discovered.PII" in listed
    assert not world.outbox
    program_on(world.cloud)("verify", "--lake", world.lake)


def test_what_did_not_happen_is_told_when_the_log_goes_on_and_withdrawn_if_it_comes_late(world):
    rule, begin = "policy_deleted_not_replaced", NOW - timedelta(hours=80)
    policy = {"targetType": "GLOBAL_POLICY", "targets": [{"type": "GLOBAL_POLICY", "id": "9", "name": "Mask PII"}]}
    world.export(change("GlobalPolicyDeleted", begin, 1, **policy), name="1.ndjson")
    world.sweep.invoke(CLOSE_DAY)
    assert alerts(world, rule) == [], "the log does not go on"
    world.export(change("TagCreated", begin + timedelta(hours=71), 2), name="2.ndjson")
    assert world.sweep.invoke(CLOSE_DAY)["alerts"] == 0, "one hour more"
    world.export(change("TagCreated", begin + timedelta(hours=73), 3), name="3.ndjson")
    assert world.sweep.invoke(CLOSE_DAY)["alerts"] == 1
    (alert,) = alerts(world, rule)
    assert [told for told, _ in world.told_by_slack()].count(alert["id"]) == 1
    assert world.sweep.invoke(CLOSE_DAY)["alerts"] == 0
    # The new policy was made in time; its record comes days late.
    world.export(change("GlobalPolicyCreated", begin + timedelta(hours=3), 4, **policy), name="4.ndjson")
    world.sweep.invoke(DELIVER)
    assert alerts(world, rule) == []
    said, known = world.explain(alert["id"])
    assert "was withdrawn" in said and "by events that came later" in " ".join(said.split())
    assert known["withdrawn"]["slack"]["state"] == "sent"
    assert not world.outbox


def test_a_burst_over_midnight_and_over_exports_is_one_alert(world):
    rule = "denied_queries_by_person"
    midnight = NOW.replace(hour=0, minute=0, second=0)
    refused = [queried(midnight + timedelta(minutes=minute), 100 + minute, "UNAUTHORIZED") for minute in range(-18, 12)]
    for number in range(6):
        world.export(*refused[number::6], name=f"{number}.ndjson")
    found = alerts(world, rule)
    assert len(found) == 1, "what goes on over midnight is one thing"
    assert [told for told, _ in world.told_by_slack()].count(found[0]["id"]) == 1


def test_functions_that_finish_at_once_miss_no_window_and_tell_of_it_once(cloud, slack):
    rule, begin = "denied_queries_by_person", NOW - timedelta(hours=3)
    with Deployment(cloud, slack, concurrency=4, batch_size=1) as world:
        refused = [queried(begin + timedelta(seconds=40 * number), number, "UNAUTHORIZED") for number in range(40)]
        for number in range(8):
            world.upload(f"{number}.ndjson", ndjson(*refused[number::8]))
        world.run()
        settings = {**world.environment, "IMMUTA_WATCH_QUEUE": world.queue.url}
        sweep = Function(SWEEP, settings, timeout_s=60, name="sweep")
        sweep.invoke(DELIVER)
        sweep.close()
        (alert,) = alerts(world, rule)
        assert alert["count"] == 40
        assert [told for told, _ in world.told_by_slack()].count(alert["id"]) == 1
        assert not [key for key in cloud.keys(world.bucket, "lake/touched/")]
        assert not world.outbox


def test_a_change_that_moved_access_is_told_of_once_when_the_day_after_it_is_whole(world):
    at = NOW - timedelta(hours=90)
    before = [queried(at - timedelta(days=7) + timedelta(minutes=7 * number), number) for number in range(1, 40)]
    world.export(*before, change("TagCreated", at + timedelta(hours=45), 50), name="before.ndjson")
    world.sweep.invoke(CLOSE_DAY)
    after = [
        queried(at + timedelta(minutes=5 * number), 100 + number, actor=f"reader{number % 25}@example.com")
        for number in range(1, 120)
    ]
    changed = tagged("TagRemoved", at, 51)
    world.export(changed, *after, change("TagCreated", at + timedelta(hours=71), 52), name="after.ndjson")
    assert world.sweep.invoke(CLOSE_DAY)["moved_access"] == 0, "the day after may not be whole"
    world.export(change("TagCreated", at + timedelta(hours=73), 53), name="later.ndjson")
    assert world.sweep.invoke(CLOSE_DAY)["moved_access"] == 1
    assert world.sweep.invoke(CLOSE_DAY)["moved_access"] == 0
    (notice,) = [notice for notice in world.notices if notice["rule_name"] == "access_moved"]
    assert notice["level"] == "high" and "read what they did not read before" in notice["headline"]
    facts = {fact["label"]: fact["value"] for fact in notice["facts"]}
    assert facts["change"].startswith("TagRemoved: Discovered.PII") and facts["by"] == "ann@example.com"
    assert [told for told, _ in world.told_by_slack()].count(notice["id"]) == 1
    said = program_on(world.cloud)(*notice["look"].split()[1:]).out
    assert "Users newly reached" in said
