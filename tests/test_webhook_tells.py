"""What notifications the function `webhook` tells of, and as what: each type, every shape of a body, each change by itself."""

import json
import os
from datetime import datetime, timedelta

import pytest

from binary import SWEEP, immuta_watch, publish
from lambda_runtime import Function
from webhooks import BY_NIGHT, Webhooks, body_of, notifications, permission

INNER = json.dumps({"permissions": ["USER_ADMIN"]})


@pytest.fixture
def webhooks(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path) as webhooks:
        yield webhooks


def test_each_type_of_notification_is_judged_by_its_rule_and_told_if_the_rule_says_so(webhooks):
    sent = list(notifications())
    assert len({kind for _, kind, _ in sent}) >= 20
    for rule, kind, body in sent:
        assert webhooks.post(kind, body) == 200
    decisions = webhooks.decisions
    assert len(decisions) == len(sent) == len(webhooks.receipts)
    told = set()
    for (rule, kind, body), decision in zip(sent, decisions):
        assert (decision["kind"], decision["outcome"], decision["is_understood"]) == (kind, "judged", True)
        (matched,) = decision["matches"]
        assert matched["rule_name"] == rule
        if matched["route"] != "dashboard":
            told.add(matched["alert"])
    assert set(webhooks.told) == told and len(webhooks.told) == len(told) > 10
    assert webhooks.files("outbox") == {}
    found = immuta_watch("verify", "--lake", webhooks.lake, "--json", env={**os.environ, **webhooks.cloud.environment})
    assert found.json["whole"] and found.json["counts"]["read"] == 0
    alert = sorted(told)[0]
    said = immuta_watch("explain", alert, "--lake", webhooks.lake, env={**os.environ, **webhooks.cloud.environment}).out
    assert "slack: told at" in said and "(webhook)" in said, said


def test_a_grave_permission_is_told_however_the_notification_is_shaped(webhooks):
    bodies = {
        "plain text": {"attachments": [{"text": "Ann gave USER_ADMIN to Tom"}]},
        "truncated": {"attachments": [{"text": INNER[:-2]}]},
        "a lone surrogate": {"attachments": [{"text": INNER[:-1] + ', "n": "\\ud83d"}'}]},
        "a number that is none": {"attachments": [{"text": INNER[:-1] + ', "n": 1e999}'}]},
        "200 levels": {"attachments": [{"text": INNER[:-1] + ', "n": ' + "[" * 200 + "]" * 200 + "}"}]},
        "wrapped twice": {"attachments": [{"text": json.dumps(INNER)}]},
        "a list": {"attachments": [{"text": f"[{INNER}]"}]},
        "attachments as a text": {"attachments": json.dumps([{"text": INNER}])},
        "members beside the text": {"permissions": ["USER_ADMIN"]},
        "members beside both": {"permissions": ["USER_ADMIN"], "attachments": [{"text": '{"x": 1}'}]},
        "fields": {"attachments": [{"text": "details", "fields": [{"title": "Permission", "value": "USER_ADMIN"}]}]},
        "blocks": {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*USER_ADMIN* given to Tom"}}]},
        "a sentence inside": {"attachments": [{"text": json.dumps({"message": "Ann gave USER_ADMIN to Tom"})}]},
        "a key": {"attachments": [{"text": json.dumps({"granted": {"USER_ADMIN": True}})}]},
        "several in one text": {"attachments": [{"text": json.dumps({"permissions": "CREATE_PROJECT, USER_ADMIN"})}]},
        "spelled as on a page": {"attachments": [{"text": json.dumps({"permission": "User Admin"})}]},
        "beside the old ones": {
            "attachments": [{"text": json.dumps({"permissions": ["CREATE_PROJECT"], "newPermissions": ["USER_ADMIN"]})}]
        },
    }
    raw = [json.dumps({"text": name, **body}).encode() for name, body in bodies.items()]
    raw += [b"\xef\xbb\xbf" + permission("USER_ADMIN"), permission("USER_ADMIN", n=1)[:-20], b"[" + permission("GOVERNANCE") + b"]"]
    for body in raw:
        assert webhooks.post("permissionsUpdated", body) == 200
    levels = [decision["matches"][0]["level"] for decision in webhooks.decisions]
    assert levels == ["high"] * len(raw)
    assert len(set(webhooks.told)) == len(raw)
    understood = sum(decision["is_understood"] for decision in webhooks.decisions)
    assert webhooks.counted("WebhooksNotUnderstood") == len(raw) - understood == 10


def test_a_sensitive_tag_is_told_however_it_is_written_and_a_type_beside_the_text_counts(webhooks):
    tag = "Discovered . Entity . DNI Number"
    bodies = [
        {"text": f"Li removed {tag} from X", "attachments": []},
        {"text": "x", "attachments": [{"text": json.dumps({"change": tag})}]},
        {"text": "x", "notificationType": "tagDeleted", "attachments": [{"text": json.dumps({"was": tag})}]},
    ]
    for body in bodies:
        assert webhooks.post("modelTagRemoved", json.dumps(body).encode()) == 200
    matches = [decision["matches"][0] for decision in webhooks.decisions]
    assert [(each["rule_name"], each["level"]) for each in matches] == [("tag_on_data", "high")] * 2 + [("tag_updated", "medium")]
    assert len(webhooks.told) == 3


def test_a_word_that_only_contains_a_permission_raises_nothing(webhooks):
    bodies = [
        {"text": "Permissions of auditor.jane@example.com updated", "attachments": [{"text": "{}"}]},
        {"text": "<https://example.com/audit/7|Look>", "attachments": [{"text": json.dumps({"audit_id": 7, "by": "audit@x.com"})}]},
    ]
    for body in bodies:
        assert webhooks.post("permissionsUpdated", json.dumps(body).encode()) == 200
    assert [decision["matches"][0]["level"] for decision in webhooks.decisions] == ["low", "low"]
    assert webhooks.told == []


def test_each_change_is_told_by_itself_even_if_the_sentence_is_the_same(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path, calendar=BY_NIGHT) as webhooks:
        for name in ("CREATE_PROJECT", "USER_ADMIN", "GOVERNANCE"):
            inner = {"actor": "ann@example.com", "user": "tom@example.com", "permissions": [name]}
            assert webhooks.post("permissionsUpdated", body_of(inner, "Permissions updated")) == 200
        assert [decision["matches"][0]["level"] for decision in webhooks.decisions] == ["medium", "high", "high"]
        assert len(set(webhooks.told)) == 3
        # What keeps them apart is not for people.
        contributions = [json.loads(line) for content in webhooks.files("alerts").values() for line in content.splitlines()]
        ids = [dict(each["key"])["id"][0] for each in contributions]
        assert len(set(ids)) == 3
        shown = json.dumps(slack.messages)
        assert not any(id in shown for id in ids) and "Permissions updated" in shown
        alert = webhooks.told[0]
        env = {**os.environ, **cloud.environment}
        said = immuta_watch("explain", alert, "--lake", webhooks.lake, env=env).out
        assert "\n  id " not in said and "\nid " not in said, said


def test_equal_words_more_than_ten_minutes_apart_are_two_changes_and_are_told_twice(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path, published=False) as webhooks:
        assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
        ((name, receipt),) = webhooks.receipts.items()
        cloud.s3.delete_object(Bucket=webhooks.bucket, Key=f"lake/{name}")
        now = datetime.fromisoformat(receipt["received"])
        # In one hour, which is the window of the rule's alerts.
        first = now.replace(minute=10, second=0) - timedelta(hours=1)
        hash_of_it = name.rsplit("/", 1)[1].split("-")[0]
        for minutes in (0, 5, 15):
            at = first + timedelta(minutes=minutes)
            receipt["received"] = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            key = f"lake/webhooks/date={at:%Y-%m-%d}/{hash_of_it}-{at:%H%M%S}000.json"
            cloud.put(webhooks.bucket, key, json.dumps(receipt).encode())
        publish(webhooks.lake, cloud.environment)
        environment = {**webhooks.environment, "IMMUTA_WATCH_EXPORTS": f"s3://{webhooks.bucket}/exports"}
        environment["IMMUTA_WATCH_QUEUE"] = cloud.queue().url
        with Function(SWEEP, environment, name="sweep") as sweep:
            for _ in range(2):
                sweep.invoke({"task": "reconcile"})
                sweep.invoke({"task": "deliver"})
        assert [decision["outcome"] for decision in webhooks.decisions] == ["judged", "repeat", "judged"]
        alerts = {decision["matches"][0]["alert"] for decision in webhooks.decisions if decision["outcome"] == "judged"}
        assert len(alerts) == 2 and alerts <= set(webhooks.told) and len(webhooks.told) == len(set(webhooks.told))
