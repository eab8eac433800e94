"""What a change did to access: counted before and after, told from chance and from what happened everywhere."""

import json
import random
from datetime import datetime, timedelta, timezone

import duckdb
import pytest

from binary import FAILED, WRONG_ARGUMENTS, immuta_watch
from records import gzipped, ndjson, record

CHANGE = datetime(2026, 11, 10, 9, tzinfo=timezone.utc)  # a Tuesday
DAY, WEEK = timedelta(days=1), timedelta(days=7)
POLICY, TABLE, ELSEWHERE = "Mask salaries", "hr.pay", "sales.orders"


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class History:
    """Events of a made-up tenant, numbered as they are added."""

    def __init__(self, days_after=3):
        self.events = []
        # So that the lake reaches from before both windows to beyond them, and has something of each day.
        for day in range(-8, days_after):
            self.add("UserAuthenticated", CHANGE + day * DAY + timedelta(hours=12))

    def add(self, kind, at, **changes) -> dict:
        made = record(kind, len(self.events) + 1, eventTimestamp=text(at), receivedTimestamp=text(at), **changes)
        self.events.append(made)
        return made

    def queries(self, count, at, table=TABLE, status="SUCCESS", users=("ann", "tom", "eve"), level="NONSENSITIVE"):
        for number in range(count):
            user = users[number % len(users)]
            self.add(
                "Query",
                at + timedelta(seconds=20 * number),
                action="QUERY",
                actionStatus=status,
                targetType="DATASOURCE",
                targets=[],
                actor={"type": "USER_ACTOR", "id": f"{user}@example.com", "name": user.title()},
                auditPayload={
                    "type": "QueryAuditPayload",
                    "objectsAccessed": [{"name": table}],
                    "securityProfile": {"sensitivity": {"score": level}},
                },
            )

    def applied(self, at=CHANGE, table=TABLE) -> dict:
        return self.add(
            "DatasourceGlobalPolicyApplied",
            at,
            action="UPDATE",
            targetType="DATASOURCE",
            targets=[{"type": "DATASOURCE", "id": "7", "name": table}],
            auditPayload={"type": "DatasourceGlobalPolicyAppliedAuditPayload", "policy": {"name": POLICY}},
        )

    def edited(self, at=CHANGE, kind="GlobalPolicyUpdated") -> dict:
        return self.add(
            kind,
            at,
            action="UPDATE",
            targetType="POLICY",
            targets=[{"type": "POLICY", "id": "3", "name": POLICY}],
            auditPayload={"type": f"{kind}AuditPayload", "name": POLICY},
        )

    def untagged(self, at=CHANGE) -> dict:
        return self.add(
            "TagRemoved",
            at,
            action="DELETE",
            targets=[{"type": "DATASOURCE", "id": "7", "name": TABLE}],
            auditPayload={"type": "TagRemovedAuditPayload", "tag": {"name": "HR.Salary"}},
        )

    def lake(self, folder, exports=None):
        """The lake of these events, in one export if none are named."""
        place = folder / "exports"
        place.mkdir(parents=True)
        for number, events in enumerate(exports or [self.events]):
            (place / f"{number}.ndjson.gz").write_bytes(gzipped(ndjson(*events)))
        immuta_watch("run", place, "--lake", folder / "lake")
        return folder / "lake"


def impact(lake, event, *more):
    return immuta_watch("impact", event["id"], "--lake", lake, "--json", *more).json


def denying() -> "tuple[History, dict]":
    """A policy that comes to a table, whereupon queries are refused there and nowhere else."""
    history = History()
    history.queries(118, CHANGE - WEEK)
    history.queries(2, CHANGE - WEEK + timedelta(hours=2), status="UNAUTHORIZED", users=("kim",))
    history.queries(300, CHANGE - WEEK, ELSEWHERE)
    history.applied(CHANGE - 3 * DAY, ELSEWHERE)  # an earlier reach, no doing of the change
    change = history.edited()
    history.applied(CHANGE + timedelta(seconds=2))
    history.queries(60, CHANGE + timedelta(minutes=1), users=("ann",))
    history.queries(40, CHANGE + timedelta(hours=3), status="UNAUTHORIZED", users=("tom", "eve"))
    history.queries(310, CHANGE, ELSEWHERE)
    return history, change


def test_a_policy_that_denies_is_seen_within_the_data_sources_that_it_came_to(tmp_path):
    history, change = denying()
    lake = history.lake(tmp_path)
    found = impact(lake, change)
    assert found["scope"]["names"] == [TABLE]
    assert any("may be on more data sources" in limit for limit in found["limits"])
    assert (found["before"]["start"], found["after"]["start"]) == ("2026-11-03T09:00:00Z", "2026-11-10T09:00:00Z")
    inside = found["inside"]
    assert [inside[when]["denied"] for when in ("before", "after")] == [2, 40]
    assert [inside[when]["queries"] for when in ("before", "after")] == [120, 100]
    assert [found["outside"][when]["queries"] for when in ("before", "after")] == [300, 310]
    newly = inside["moves"]["users_denied"]
    assert newly["total"] == 2
    assert [(user["name"], user["queries"]) for user in newly["first"]] == [
        ("eve@example.com", 20),
        ("tom@example.com", 20),
    ]
    share = found["denied_share"]
    assert 0 < share["inside"]["low"] < share["inside"]["estimate"] == pytest.approx(0.4 - 2 / 120)
    assert share["outside"]["low"] <= 0 <= share["outside"]["high"]
    assert found["notable"] == "denied_rose"
    assert found["verdict"].startswith("Denied queries rose from 2 of 120 to 40 of 100: more than chance")
    said = immuta_watch("impact", change["id"], "--lake", lake).out
    assert found["verdict"] in " ".join(said.split())
    assert "Users newly denied: 2" in said
    assert "Tue 2026-11-03 09:00 to Wed 2026-11-04 09:00 UTC, 1 day" in said


def test_a_tag_removal_that_reaches_new_users_names_them_those_with_most_queries_first(tmp_path):
    history = History()
    history.queries(60, CHANGE - WEEK, users=("ann", "tom"))
    history.queries(100, CHANGE - WEEK, ELSEWHERE)
    change = history.untagged()
    history.queries(60, CHANGE + timedelta(minutes=1), users=("ann", "tom"), level="SENSITIVE")
    for number in range(15):
        history.queries(30 - number, CHANGE + timedelta(hours=2), users=(f"new{number:02}",))
    history.queries(100, CHANGE, ELSEWHERE)
    lake = history.lake(tmp_path)
    found = impact(lake, change)
    reached = found["inside"]["moves"]["users_reached"]
    assert reached["total"] == 15
    assert [(user["name"], user["queries"]) for user in reached["first"]][:2] == [
        ("new00@example.com", 30),
        ("new01@example.com", 29),
    ]
    assert [found["inside"][when]["sensitive"] for when in ("before", "after")] == [0, 60]
    assert [found["inside"][when]["readers"] for when in ("before", "after")] == [2, 17]
    assert found["notable"] == "users_reached"
    said = immuta_watch("impact", change["id"], "--lake", lake).out
    assert "15 users read it who did not before" in said
    assert "30  new00@example.com (New00)" in said
    assert "and 5 more" in said
    assert "new10@example.com" not in said


def test_a_rise_everywhere_is_not_taken_for_the_effect_of_a_policy(tmp_path):
    history = History()
    history.queries(95, CHANGE - WEEK)
    history.queries(5, CHANGE - WEEK, status="UNAUTHORIZED")
    history.queries(950, CHANGE - WEEK, ELSEWHERE)
    history.queries(50, CHANGE - WEEK, ELSEWHERE, "UNAUTHORIZED")
    change = history.applied()
    history.queries(85, CHANGE)
    history.queries(15, CHANGE, status="UNAUTHORIZED")
    history.queries(850, CHANGE, ELSEWHERE)
    history.queries(150, CHANGE, ELSEWHERE, "UNAUTHORIZED")
    found = impact(history.lake(tmp_path), change)
    assert found["denied_share"]["inside"]["low"] > 0, "by itself it would be taken for one"
    assert "elsewhere as well, from 50 of 1000 to 150 of 1000" in found["verdict"]
    assert found["notable"] is None


def test_late_and_duplicate_events_in_whatever_order_count_once(tmp_path):
    history, change = denying()
    one = impact(history.lake(tmp_path / "one"), change)
    again = [{**event, "receivedTimestamp": text(CHANGE + 5 * DAY)} for event in history.events[::2]]
    mixed = history.events + again
    random.Random(5).shuffle(mixed)
    third = len(mixed) // 3
    exports = [mixed[third:], mixed[:third], list(reversed(history.events))]
    assert impact(history.lake(tmp_path / "many", exports), change) == one


def test_another_change_of_the_same_policy_ends_both_windows_and_is_said(tmp_path):
    history, change = denying()
    history.edited(CHANGE + timedelta(hours=2), "GlobalPolicyDeleted")
    found = impact(history.lake(tmp_path), change)
    assert found["after"]["end"] == "2026-11-10T11:00:00Z"
    assert found["before"]["end"] == "2026-11-03T11:00:00Z"
    assert any("changed again at 2026-11-10T11:00:00Z" in limit for limit in found["limits"])
    assert found["inside"]["after"]["denied"] == 0, "those came after the window"


def test_a_lake_that_does_not_reach_is_said_and_never_made_up_for(tmp_path):
    history = History(days_after=0)
    history.queries(10, CHANGE - WEEK)
    history.queries(10, CHANGE - WEEK + timedelta(hours=5))
    change = history.applied()
    history.queries(10, CHANGE + timedelta(hours=3))
    lake = history.lake(tmp_path)
    found = impact(lake, change)
    assert found["after"]["end"] == "2026-11-10T12:03:00Z"
    assert [found["inside"][when]["queries"] for when in ("before", "after")] == [10, 9]
    assert any("from 2026-11-10T12:03:00Z on" in limit for limit in found["limits"])
    early = impact(lake, change, "--span", "28d")
    assert early["comparable"] is False
    assert "The lake has nothing of the window before" in early["verdict"]
    said = immuta_watch("impact", change["id"], "--lake", lake, "--span", "28d").out
    assert "cannot be compared" in said


def test_an_attribute_is_about_its_user(tmp_path):
    history = History()
    history.queries(30, CHANGE - WEEK, users=("ann",))
    history.queries(30, CHANGE - WEEK, users=("tom",))
    change = history.add(
        "AttributeRemoved",
        CHANGE,
        action="DELETE",
        targetType="USER",
        targets=[{"type": "USER", "id": "ann@example.com", "name": "Ann"}],
        auditPayload={"type": "AttributeRemovedAuditPayload", "attribute": {"name": "Department"}},
    )
    history.queries(30, CHANGE, status="UNAUTHORIZED", users=("ann",))
    history.queries(30, CHANGE, users=("tom",))
    found = impact(history.lake(tmp_path), change)
    assert found["scope"]["in_words"] == "the user Ann"
    assert found["inside"]["after"]["denied"] == 30
    assert (found["outside"]["after"]["denied"], found["outside"]["after"]["queries"]) == (0, 30)
    assert [thing["name"] for thing in found["inside"]["moves"]["objects_denied"]["first"]] == [TABLE]


def test_grants_and_removals_are_counted_where_they_took_place(tmp_path):
    history = History()
    change = history.applied()

    def subscription(kind, hours, table=TABLE, **more):
        targets = [{"type": "DATASOURCE", "name": table}, {"type": "USER", "id": "ann@example.com", "name": "Ann"}]
        history.add(kind, CHANGE + timedelta(hours=hours), targetType="SUBSCRIPTION", targets=targets, **more)

    subscription("SubscriptionCreated", 1)
    subscription("SubscriptionRequestApproved", 2)
    subscription("SubscriptionCreated", 3, actionStatus="FAILURE")
    subscription("SubscriptionCreated", 3, table=ELSEWHERE)
    subscription("SubscriptionDeleted", 4)
    subscription("SubscriptionDeleted", -7 * 24 + 4)
    subscription("SubscriptionDeleted", 30)
    found = impact(history.lake(tmp_path), change)
    inside = found["inside"]
    assert (inside["after"]["grants"], inside["after"]["removals"]) == (2, 1)
    assert (inside["before"]["grants"], inside["before"]["removals"]) == (0, 1)
    assert found["outside"]["after"]["grants"] == 1


def test_without_an_event_the_changes_are_listed_newest_first(tmp_path):
    history, change = denying()
    history.untagged(CHANGE - timedelta(days=1))
    history.edited(CHANGE + timedelta(minutes=5), "GlobalPolicyApproved")["actionStatus"] = "FAILURE"
    lake = history.lake(tmp_path)
    listed = immuta_watch("impact", "--lake", lake, "--json").json_lines
    assert [each["change"]["kind"] for each in listed] == [
        "DatasourceGlobalPolicyApplied",
        "GlobalPolicyUpdated",
        "TagRemoved",
        "DatasourceGlobalPolicyApplied",
    ]
    assert listed[1] == impact(lake, change)
    said = immuta_watch("impact", "--lake", lake).out
    [row] = [line for line in said.splitlines() if "GlobalPolicyUpdated" in line]
    assert row.endswith("denied 2 of 120 → 40 of 100")
    key = row.split()[2]
    assert f"event {listed[1]['change']['event']}" in immuta_watch("impact", key, "--lake", lake).out
    only = immuta_watch("impact", "--lake", lake, "--to", "2026-11-09", "--json").json_lines
    assert [each["change"]["kind"] for each in only] == ["TagRemoved", "DatasourceGlobalPolicyApplied"]
    first = immuta_watch("impact", "--lake", lake, "--limit", "1").out
    assert "and older ones" in first
    none = immuta_watch("impact", "--lake", lake, "--from", "2027-01-01").out
    assert "No policy, tag or attribute was changed" in none


def test_an_event_that_cannot_be_asked_for_is_said_with_what_to_do(tmp_path):
    history, change = denying()
    refused = history.edited(CHANGE + DAY)
    refused["actionStatus"] = "UNAUTHORIZED"
    other = history.add("UserCreated", CHANGE)
    lake = history.lake(tmp_path)

    def said(event):
        return immuta_watch("impact", event, "--lake", lake, expect=FAILED).err

    assert "begins with" in said("ffffffff-no-such") and f"impact --lake {lake}" in said("ffffffff-no-such")
    assert "too short" in said("0000")
    assert "may be any of several" in said(change["id"][:10])
    assert "no change of a policy, tag or attribute, but a UserCreated" in said(other["id"])
    assert "ended with UNAUTHORIZED: it changed nothing" in said(refused["id"])
    for span in ("5m", "29d", "soon"):
        immuta_watch("impact", change["id"], "--lake", lake, "--span", span, expect=WRONG_ARGUMENTS)


def test_names_from_events_cannot_steer_the_terminal(tmp_path):
    history = History()
    change = history.applied(table="hr\u001b[2J\u202epay")
    history.queries(5, CHANGE, table="hr\u001b[2J\u202epay", users=("a\u001b[31mb",))
    lake = history.lake(tmp_path)
    for said in (immuta_watch("impact", change["id"], "--lake", lake).out, immuta_watch("impact", "--lake", lake).out):
        assert "\u001b" not in said and "\u202e" not in said
        assert "\\u{1b}[2J" in said


def test_what_is_counted_is_what_sql_counts_in_the_ledger(tenant_lake):
    """An independent count of each change of a simulated tenant that is about data sources."""
    listed = immuta_watch("impact", "--lake", tenant_lake, "--limit", "200", "--json").json_lines
    about_objects = [each for each in listed if each["comparable"] and each["scope"]["kind"] == "objects"]
    assert len(about_objects) > 5
    rows = f"read_parquet('{tenant_lake}/ledger/access/*/*.parquet')"
    counted = 0
    with duckdb.connect() as sql:
        sql.execute("SET TimeZone = 'UTC'")
        for each in about_objects:
            names = json.dumps([name.lower() for name in each["scope"]["names"]])
            for when in ("before", "after"):
                window = each[when]
                queries, denied, readers = sql.execute(
                    f"""SELECT count(DISTINCT event_key),
                               count(DISTINCT event_key) FILTER (status = 'UNAUTHORIZED'),
                               count(DISTINCT actor) FILTER (status = 'SUCCESS')
                        FROM {rows}
                        WHERE event_time >= $1::TIMESTAMPTZ AND event_time < $2::TIMESTAMPTZ
                          AND list_has_any(list_transform(objects, lambda name: lower(name)), $3::JSON::VARCHAR[])""",
                    [window["start"], window["end"], names],
                ).fetchone()
                found = each["inside"][when]
                assert (found["queries"], found["denied"], found["readers"]) == (queries, denied, readers)
                counted += queries
    assert counted > 0
