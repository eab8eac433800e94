"""The same change by webhook and in an export: told once, linked, and missed at either end."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from binary import FAILED, LOOK_NEEDED
from lambda_runtime import InvocationFailed
from on_cloud import program_on
from records import record
from slack_blocks import block_text
from watcher import DELIVER, RECONCILE, Watcher, text
from webhooks import permission

NOW = datetime.now(timezone.utc)


def granted(permission_name: str, at: datetime, number=1) -> dict:
    """What the audit log has of `webhooks.permission`: Ann gave it to Tom."""
    return record(
        "PermissionApplied",
        number,
        eventTimestamp=text(at),
        receivedTimestamp=text(at),
        targetType="USER",
        actor={"type": "USER_ACTOR", "id": "ann@example.com", "name": "Ann", "identityProvider": "okta"},
        targets=[{"type": "USER", "id": "tom@example.com", "name": "Tom"}],
        auditPayload={"type": "PermissionAppliedAuditPayload", "permission": permission_name},
    )


@pytest.fixture
def world(cloud, slack):
    with Watcher(cloud, slack) as world:
        yield world


def test_what_was_told_by_webhook_is_confirmed_by_the_export_and_each_alert_names_the_other(world):
    at = datetime.now(timezone.utc)
    world.notify(permission("USER_ADMIN"))
    ((early, _),) = world.told_by_slack()
    world.export(granted("USER_ADMIN", at))
    assert [told for told, _ in world.told_by_slack()] == [early]
    assert [told for told, _ in world.told_by_topic()] == [early]
    assert world.lines("Export classified.")[-1]["confirmed"] == 2, "Slack and the topic"
    assert not world.outbox
    (book,) = [book for book in world.books("slack") if any("told_by" in each for each in book["alerts"].values())]
    ((late, delivery),) = book["alerts"].items()
    assert (delivery["state"], delivery["told_by"]) == ("confirmed", early)
    said, known = world.explain(late)
    words = " ".join(said.split())
    assert f"Immuta told of it by webhook at {at:%Y-%m-%d}" in words and f"(sure): alert {early}" in words
    assert f"not told again: it was told of the same change by alert {early}, which this one confirms" in words
    (told,) = known["counterparts"]
    assert (told["told_by_webhook"], told["certainty"], told["alerts"]) == (True, "sure", [early])
    said, known = world.explain(early)
    (audited,) = known["counterparts"]
    assert (audited["audited"], audited["line"], audited["alerts"]) == (True, 1, [late])
    assert "The audit log has it at" in " ".join(said.split())


def test_a_change_that_the_webhook_did_not_name_is_told(world):
    world.notify(permission("CREATE_PROJECT"))
    before = world.told_by_slack()
    world.export(granted("USER_ADMIN", datetime.now(timezone.utc)))
    assert len(world.told_by_slack()) == len(before) + 1
    assert "confirmed" not in world.lines("Export classified.")[-1]


def test_a_notification_whose_change_never_comes_is_told_of_once(world):
    received = NOW - timedelta(hours=60)
    name = world.keep(permission("USER_ADMIN"), received)
    lost = world.keep(permission("AUDIT"), received + timedelta(minutes=2))
    world.export(granted("USER_ADMIN", received - timedelta(seconds=3)), granted("CREATE_PROJECT", NOW - timedelta(hours=5), 2))
    for folder in ("webhooks", "ledger"):
        world.written_hours_ago(folder, 2)
    line = world.reconcile()
    counted = {name: line[name] for name in ("notifications", "found", "waiting", "NotificationsNotAudited", "outcome")}
    assert counted == {"notifications": 2, "found": 1, "waiting": 0, "NotificationsNotAudited": 1, "outcome": "compared"}
    assert line["level"] == "WARN"
    (notice,) = [notice for notice in world.notices if notice["rule_name"] == "notifications_not_audited"]
    assert notice["facts"][1]["value"] == lost and name not in json.dumps(notice)
    assert notice["id"] in [told for told, _ in world.told_by_slack()]
    said = block_text([body for body in world.slack.messages if "not in its audit log" in body["text"]][0])
    assert f"aws s3 cp {world.lake}/{lost} -" in said
    told = len(world.slack.messages)
    assert world.reconcile()["NotificationsNotAudited"] == 0 and len(world.slack.messages) == told
    program = program_on(world.cloud)
    matched = program("webhooks", "matches", "--lake", world.lake, "--json").json
    row = {"sure": 1, "likely": 0, "possible": 0, "missing": 1, "unknown": 0, "waiting": 0}
    assert matched["notifications"] == {"permissionsUpdated": row}
    assert matched["events"] == {"PermissionApplied": {"events": 1, "told": 0, "proven": False}}
    said = program("webhooks", "matches", "--lake", world.lake).out
    assert "permissionsUpdated" in said and "staged" in said


def test_what_is_damaged_of_a_notification_is_mended_as_verify_says(world):
    world.notify(permission("USER_ADMIN"))
    program = program_on(world.cloud)
    verify = ("verify", "--lake", world.lake)
    program(*verify)
    (damaged,) = world.cloud.keys(world.bucket, "lake/alerts/")
    world.cloud.put(world.bucket, damaged, b"{}\n")
    said = program(*verify, expect=LOOK_NEEDED).out
    (name,) = set(re.findall(r"`webhooks decide (webhooks/\S+)`", " ".join(said.split())))
    said = program("webhooks", "decide", name, "--lake", world.lake).out
    assert "1 notification decided" in said
    program(*verify)
    world.sweep.invoke(DELIVER)
    assert len(world.slack.messages) == 1, "nobody is told twice"
    said = program("webhooks", "decide", "packs/current", "--lake", world.lake, expect=FAILED).err
    assert "no name of a notification" in said


def test_what_was_received_days_ago_and_never_decided_is_decided(world):
    world.keep(permission("USER_ADMIN"), NOW - timedelta(days=20))
    world.keep(permission("GOVERNANCE"), NOW - timedelta(hours=30))
    world.reconcile()
    (line,) = [line for line in world.sweep.log_lines if line.get("message") == "Notifications decided late."]
    assert (line["decided"], line["WebhooksUndecided"], line["level"]) == (2, 0, "WARN")
    assert {told[:5] for told, _ in world.told_by_slack()} > {"late-"}, "one by one, and the old one in a summary"
    world.reconcile()
    assert any(
        line.get("message") == "No notification is undecided." and line["WebhooksUndecided"] == 0
        for line in world.sweep.log_lines
    )


def test_a_lake_that_cannot_list_them_fails_the_task_after_the_rest_was_done(world):
    world.keep(permission("USER_ADMIN"), NOW - timedelta(hours=3))
    world.cloud.server.on_call = lambda call: 503 if "prefix=lake%2Fwebhooks" in call.query else None
    with pytest.raises(InvocationFailed, match="webhooks"):
        world.sweep.invoke(RECONCILE)
    messages = {line.get("message") for line in world.sweep.log_lines}
    assert "Undecided notifications could not be looked for." in messages and "Exports reconciled." in messages
