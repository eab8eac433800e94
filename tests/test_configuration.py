"""The configuration file: calendars, holidays, groups, lists and approvals, and what each changes in an alert."""

import json

import pytest

from binary import DONE, FAILED, immuta_watch
from records import ndjson, record

HOLIDAYS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//example//EN\r
BEGIN:VEVENT\r
UID:1\r
DTSTART;VALUE=DATE:20261012\r
SUMMARY:Founders' day\r
END:VEVENT\r
END:VCALENDAR\r
"""

CONFIGURATION = """
calendars:
  berlin: {zone: Europe/Berlin, holidays_file: holidays.ics}
  singapore: {zone: Asia/Singapore}
default_calendar: berlin
calendar_of:
  - {group: singapore-office, calendar: singapore}
groups:
  singapore-office: {members_file: singapore.txt}
lists:
  high_risk_permissions: {add: [CREATE_PROJECT], remove: [AUDIT]}
  service_accounts: {add: ["etl-*"]}
"""


@pytest.fixture
def configuration(tmp_path):
    (tmp_path / "holidays.ics").write_text(HOLIDAYS, newline="")
    (tmp_path / "singapore.txt").write_text("# the office\nmei@x.example\n")
    file = tmp_path / "immuta-watch.yml"
    file.write_text(CONFIGURATION)
    return file


def actor(name, **more):
    return {"type": "USER_ACTOR", "id": f"{name}@x.example", "name": name.title(), **more}


def granted(number, time, who, permission="FETCH_POLICY_INFO"):
    return record(
        "PermissionApplied", number, eventTimestamp=time, actor=actor(who),
        targets=[{"type": "USER", "id": f"u{number}", "name": f"User {number}"}],
        auditPayload={"type": "PermissionAppliedAuditPayload", "permission": permission},
    )  # fmt: skip


def outcomes(tmp_path, records, *options):
    """Level and route of the alert about each record, by its user."""
    export, lake = tmp_path / "export.json", tmp_path / "lake"
    export.write_bytes(ndjson(*records))
    immuta_watch("run", export, "--lake", lake, *options)
    alerts = immuta_watch("alerts", "--lake", lake, "--limit", 0, "--json").json_lines
    return {alert["key"]["watch.subject"][0]: (alert["level"], alert["route"]) for alert in alerts}


DASHBOARD, NOTIFICATION = ("low", "dashboard"), ("medium", "notification")


def test_business_hours_are_those_of_the_actor(tmp_path, configuration):
    records = [
        granted(1, "2026-10-05T02:30:00Z", "mei"),  # 10:30 in Singapore
        granted(2, "2026-10-05T02:30:00Z", "ann"),  # 04:30 in Berlin
        granted(3, "2026-10-05T06:30:00Z", "ann"),  # 08:30, in summer time
        granted(4, "2026-11-02T06:30:00Z", "ann"),  # 07:30, in winter time
        granted(5, "2026-10-12T09:00:00Z", "ann"),  # a holiday in Berlin
        granted(6, "2026-10-12T09:00:00Z", "mei"),  # and none in Singapore
    ]
    found = outcomes(tmp_path, records, "--config", configuration)
    assert [found[f"User {number}"] for number in range(1, 7)] == [
        DASHBOARD, NOTIFICATION, DASHBOARD, NOTIFICATION, NOTIFICATION, DASHBOARD,
    ]  # fmt: skip


def test_without_a_configuration_business_hours_are_utc_and_run_says_so(tmp_path):
    records = [granted(1, "2026-10-05T07:59:00Z", "ann"), granted(2, "2026-10-05T08:00:00Z", "ann")]
    found = outcomes(tmp_path, records)
    assert (found["User 1"], found["User 2"]) == (NOTIFICATION, DASHBOARD)
    said = immuta_watch("run", tmp_path / "export.json", "--lake", tmp_path / "lake").out
    assert "No calendar is configured" in said and "UTC" in said


def test_a_list_can_be_changed_without_touching_the_pack(tmp_path, configuration):
    noon = "2026-10-06T10:00:00Z"
    records = [granted(1, noon, "ann", "CREATE_PROJECT"), granted(2, noon, "ann", "AUDIT"), granted(3, noon, "ann", "GOVERNANCE")]
    found = outcomes(tmp_path, records, "--config", configuration)
    assert [found[f"User {number}"][0] for number in (1, 2, 3)] == ["high", "low", "high"]


def subscription(number, who, kind="SubscriptionCreated", time="2026-10-06T10:00:00Z", user="u1"):
    return record(
        kind, number, eventTimestamp=time, actor=actor(who),
        targets=[{"type": "DATASOURCE", "id": "77", "name": "Payroll"}, {"type": "USER", "id": user, "name": "Tom"}],
        auditPayload={"type": f"{kind}AuditPayload"},
    )  # fmt: skip


def access_granted(tmp_path, name, *exports):
    lake = tmp_path / name
    for number, records in enumerate(exports):
        export = tmp_path / f"{name}-{number}.json"
        export.write_bytes(ndjson(*records))
        immuta_watch("run", export, "--lake", lake, "--config", tmp_path / "immuta-watch.yml")
    [alert] = immuta_watch("alerts", "--lake", lake, "--rule", "access_granted", "--json").json_lines
    said = immuta_watch("explain", alert["id"], "--lake", lake).out
    return (alert["level"], alert["route"]), " ".join(said.split())


def test_access_given_by_hand_notifies_and_says_how_that_is_known(tmp_path, configuration):
    outcome, said = access_granted(tmp_path, "lake", [subscription(1, "ann")])
    assert outcome == NOTIFICATION
    assert "no approved request of this user for this data source was found since 2026-09-29T10:00:00Z" in said


def test_an_approval_in_an_export_that_comes_later_settles_it(tmp_path, configuration):
    approval = subscription(2, "owner", "SubscriptionRequestApproved", "2026-10-05T16:00:00Z")
    outcome, said = access_granted(tmp_path, "lake", [subscription(1, "ann")], [approval])
    assert outcome == ("informational", "dashboard")
    assert "an approved request stands behind it: owner@x.example approved it at 2026-10-05T16:00:00Z" in said


def test_an_approval_for_somebody_else_does_not(tmp_path, configuration):
    approval = subscription(2, "owner", "SubscriptionRequestApproved", "2026-10-05T16:00:00Z", user="u2")
    assert access_granted(tmp_path, "lake", [approval], [subscription(1, "ann")])[0] == NOTIFICATION


def test_a_service_account_of_the_configuration_is_no_hand(tmp_path, configuration):
    assert access_granted(tmp_path, "lake", [subscription(1, "etl-nightly")])[0] == ("informational", "dashboard")


def test_inspect_says_how_often_it_cannot_be_told_whose_hands_it_was(tmp_path, configuration):
    unknown = subscription(3, "x")
    unknown["actor"] = {"type": "unknown", "id": "unknown", "name": "unknown"}
    export = tmp_path / "export.json"
    export.write_bytes(ndjson(subscription(1, "ann"), subscription(2, "etl-nightly"), unknown))
    seen = immuta_watch("inspect", export, "--config", configuration, "--json").json["done_by_hand"]
    assert (seen["by_hand"], seen["not_by_hand"], seen["unless_approved"]) == (0, 1, 1)
    [(why, count)] = seen["cannot_be_told"].items()
    assert count == 1 and "actor.type is unknown" in why
    said = immuta_watch("inspect", export, "--config", configuration).out
    assert "cannot be told, and so counts as by hand" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("calendars: {a: {zone: Europe/Berlim}}\ndefault_calendar: a", ["is no time zone", "Europe/Berlim"]),
        ("calendars: {a: {zone: UTC}}", ["default_calendar is missing"]),
        ("calendars: {a: {zone: UTC, holidays_file: none.ics}}\ndefault_calendar: a", ["none.ics cannot be read"]),
        ("lists: {service_account: {add: [x]}}", ["did you mean service_accounts"]),
        ("lists: {service_accounts: {remove: [nobody]}}", ["is not on the list"]),
        ("calender: {}", ["unknown field `calender`"]),
    ],
)
def test_a_wrong_configuration_is_an_error_that_says_what(tmp_path, text, words):
    file = tmp_path / "wrong.yml"
    file.write_text(text)
    ran = immuta_watch("run", tmp_path, "--lake", tmp_path / "lake", "--config", file, expect=FAILED)
    for word in words:
        assert word in ran.err
    assert not (tmp_path / "lake").exists()


# rules explain


def test_rules_explain_says_what_is_missing_and_which_rule_takes_the_event(tmp_path, configuration):
    event = tmp_path / "event.json"
    event.write_text(json.dumps(granted(1, "2026-10-05T02:30:00Z", "ann"), indent=2))
    ran = immuta_watch("rules", "explain", "permission_removed", event, "--config", configuration, expect=DONE)
    assert "permission_removed does not match" in ran.out
    assert 'watch.kind: wanted PermissionRemoved; it is "PermissionApplied"' in ran.out
    assert "This event is matched by permission_granted (medium, notification)" in ran.out
    ran = immuta_watch("rules", "explain", "permission_granted", event, "--config", configuration)
    assert "permission_granted matches: medium, notification" in ran.out
    assert "monday 2026-10-05 04:30 in the calendar berlin, outside monday to friday 08:00-18:00 Europe/Berlin" in ran.out
    assert "on the list high_risk_permissions" in ran.out


def test_rules_explain_finds_an_event_in_an_export_by_id_or_line(tmp_path, configuration):
    records = [granted(1, "2026-10-05T02:30:00Z", "ann"), subscription(2, "ann")]
    export = tmp_path / "export.json"
    export.write_bytes(ndjson(*records))
    for option in (["--id", records[1]["id"]], ["--line", 2]):
        found = immuta_watch("rules", "explain", "access_granted", export, *option, "--json").json
        assert (found["matched"], found["line"], found["route"]) == (True, 2, "notification")
    ran = immuta_watch("rules", "explain", "access_granted", export, "--id", "nowhere", expect=FAILED)
    assert "no record with the id nowhere" in ran.err
    ran = immuta_watch("rules", "explain", "acces", export, expect=FAILED)
    assert "the pack has no rule acces; it has access_" in ran.err
