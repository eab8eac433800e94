"""The function `webhook`: from Immuta's notification to the lake and the people concerned, and nothing from anybody else."""

import base64
import hashlib
import hmac
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from binary import CLASSIFY, SWEEP, WEBHOOK, immuta_watch, publish
from lambda_runtime import Function, InvocationFailed
from slack import NEVER, SERVER_ERROR
from webhooks import BY_NIGHT, SECRET, Webhooks, body_of, notifications, permission, request, signature

SIGNATURE = "x-immuta-webhook-signature-sha256"


@pytest.fixture
def webhooks(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path) as webhooks:
        yield webhooks


def nothing_came_of_it(webhooks) -> None:
    for folder in ("alerts", "outbox", "manifests", "deliveries", "webhooks"):
        assert webhooks.files(folder) == {}, folder
    assert webhooks.slack.messages == []


def test_what_is_kept_is_what_came(webhooks):
    body = permission("USER_ADMIN")
    assert webhooks.post("permissionsUpdated", body) == 200
    assert webhooks.post("permissionsUpdated", b"\xff\xfe no text") == 200
    by_text, by_bytes = sorted(webhooks.receipts.values(), key=lambda receipt: datetime.fromisoformat(receipt["received"]))
    assert by_text["text"].encode() == body and by_text["kind"] == "permissionsUpdated"
    assert base64.b64decode(by_bytes["base64"]) == b"\xff\xfe no text"


def test_a_notification_that_was_kept_is_explained(webhooks, tmp_path):
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
    (receipt,) = webhooks.receipts.values()
    kept = tmp_path / "notification.json"
    kept.write_text(json.dumps(receipt))
    said = immuta_watch("rules", "explain", "permissions_updated", kept, "--json").json
    assert (said["matched"], said["level"], said["kind"]) == (True, "high", "permissionsUpdated")
    assert not immuta_watch("rules", "explain", "tag_on_data", kept, "--json").json["matched"]


def test_a_grave_change_is_told_within_the_budget_and_says_where_it_stands(webhooks):
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
    (decision,) = webhooks.decisions
    (matched,) = decision["matches"]
    assert (matched["level"], matched["route"]) == ("high", "notification")
    assert webhooks.told == [matched["alert"]]
    (line,) = webhooks.lines("Notification decided.")
    assert line["rules"] == ["permissions_updated"] and line["sent"] == 1
    assert 0 < line["DecisionMilliseconds"] < 5000
    assert webhooks.counted("WebhooksReceived") == 1 and webhooks.counted("WebhooksRefused") == 0


def test_an_everyday_change_is_for_the_dashboard_by_day_and_told_by_night(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path) as by_day:
        assert by_day.post("permissionsUpdated", permission("CREATE_PROJECT")) == 200
        (decision,) = by_day.decisions
        assert decision["matches"][0]["route"] == "dashboard" and slack.messages == []
        assert len(by_day.files("alerts")) == 1
        by_night = tmp_path / "night.yml"
        by_night.write_text(json.dumps({"calendars": {"office": BY_NIGHT}, "default_calendar": "office"}))
        publish(by_day.lake, cloud.environment, "--config", by_night)
        assert by_day.post("permissionsUpdated", permission("CREATE_FILTER")) == 200
        decision = by_day.decisions[1]
        assert decision["matches"][0]["route"] == "notification"
        # Of the other configuration people are told, too, once the alert is.
        assert by_day.told[:-1] == [decision["matches"][0]["alert"]]


@pytest.mark.parametrize("write", ["hex", "sha256=hex", "base64", "sha256=base64"])
def test_a_signature_counts_however_it_is_written(webhooks, write):
    body = permission("AUDIT")
    tag = signature(body)
    written = tag.hex() if "hex" in write else base64.b64encode(tag).decode()
    written = f"sha256={written}" if write.startswith("sha256=") else written
    assert webhooks.post("permissionsUpdated", body, headers={SIGNATURE: written}) == 200
    assert len(webhooks.told) == 1


def test_what_is_forged_unsigned_or_of_another_form_leaves_no_trace(webhooks):
    body = permission("USER_ADMIN")
    another = hmac.new(b"another secret", body, hashlib.sha256).hexdigest()
    sha1 = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    refused = [
        (401, request("permissionsUpdated", body, secret="another secret")),
        (401, request("permissionsUpdated", body, headers={SIGNATURE: None})),
        (401, request("permissionsUpdated", body, headers={SIGNATURE: f"sha256={another}"})),
        (401, request("permissionsUpdated", body, headers={SIGNATURE: None, "x-immuta-webhook-signature": sha1})),
        (401, request("permissionsUpdated", body, headers={SIGNATURE: signature(body).hex()[:-2]})),
        (401, {**request("permissionsUpdated", body), "body": base64.b64encode(body[:-9]).decode()}),
        (401, {**request("permissionsUpdated", body), "body": None}),
        (401, {**request("permissionsUpdated", body), "body": "no base64!"}),
        (401, {**request("permissionsUpdated", body), "body": body.decode().replace("Tom", "Eve"), "isBase64Encoded": False}),
        (404, request("", body, path="/")),
        (404, request("", b"", path="/", method="GET")),
        (404, request("", body, path="/permissionsUpdated//")),
        (405, request("permissionsUpdated", body, method="GET")),
        (413, request("permissionsUpdated", body_of({"x": "x" * 262_144}))),
        (415, request("permissionsUpdated", body, headers={"content-type": "text/plain"})),
        (415, request("permissionsUpdated", body, headers={"content-encoding": "gzip"})),
        (404, {"Records": []}),
        (404, {}),
    ]  # fmt: skip
    assert [webhooks.send(event) for _, event in refused] == [status for status, _ in refused]
    nothing_came_of_it(webhooks)
    assert webhooks.counted("WebhooksRefused") == len(refused) and webhooks.counted("WebhooksReceived") == 0
    assert len(webhooks.lines("Request refused.")) == len(refused)
    # The same body, as Immuta sends it.
    assert webhooks.post("permissionsUpdated", body) == 200 and len(webhooks.told) == 1


def test_of_ten_thousand_random_requests_none_is_verified_and_none_is_without_an_answer(cloud, slack, tmp_path):
    rng = random.Random(7)

    def made() -> dict:
        body = rng.randbytes(rng.randrange(300))
        event = request(rng.choice(["tagCreated", "x", "permissionsUpdated"]), body)
        event["headers"][SIGNATURE] = rng.choice(
            [rng.randbytes(32).hex(), f"sha256={rng.randbytes(32).hex()}", base64.b64encode(rng.randbytes(32)).decode(), "x"]
        )
        return event

    with Webhooks(cloud, slack, tmp_path) as webhooks, ThreadPoolExecutor(4) as senders:
        webhooks.function.close()
        webhooks.function = Function(WEBHOOK, webhooks.environment, timeout_s=10, name="webhook", concurrency=4)
        answers = senders.map(webhooks.send, [made() for _ in range(10_000)])
        assert set(answers) == {401}
        nothing_came_of_it(webhooks)
        assert webhooks.counted("WebhooksRefused") == 10_000


def test_whatever_is_signed_is_kept_and_answered_even_if_it_is_no_json(webhooks):
    rng = random.Random(8)
    bodies = [b"", b"{", b"[]", b'"x"', b"\x00", b'{"text": 7, "attachments": "x"}', *(rng.randbytes(80) for _ in range(20))]
    bodies.append(b'{"attachments":[{"text":"' + b"[" * 5000 + b'"}]}')
    for body in bodies:
        assert webhooks.post("somethingNew", body) == 200
    assert len(webhooks.receipts) == len(webhooks.decisions) == len(bodies)
    assert all(decision["matches"] == [] and decision["kind"] == "somethingNew" for decision in webhooks.decisions)
    assert webhooks.slack.messages == []


def test_a_replay_is_kept_and_counted_and_told_to_nobody(webhooks):
    body = permission("USER_ADMIN")
    assert [webhooks.post("permissionsUpdated", body) for _ in range(3)] == [200] * 3
    first, *repeats = webhooks.decisions
    assert first["outcome"] == "judged"
    assert [(each["outcome"], each["of"]) for each in repeats] == [("repeat", first["receipt"])] * 2
    assert len(webhooks.receipts) == 3 and len(webhooks.told) == 1
    assert webhooks.counted("WebhooksRepeated") == 2 and webhooks.counted("WebhooksReceived") == 3


def test_a_secret_is_changed_without_a_gap(cloud, slack, tmp_path):
    kept = json.dumps({"current": "the-new-secret-of-it", "previous": SECRET, "token": "a-token-of-17-ch1"})
    with Webhooks(cloud, slack, tmp_path, secret=kept) as webhooks:
        for secret, status in [(SECRET, 200), ("the-new-secret-of-it", 200), ("an-older-secret-of-it", 401), ("a-token-of-17-ch1", 401)]:
            assert webhooks.post("tagCreated", body_of({"tag": secret[:3]}), secret=secret) == status


def test_a_token_in_the_path_is_for_a_tenant_that_signs_nothing(cloud, slack, tmp_path):
    places = {
        "IMMUTA_WATCH_WEBHOOK_SECRET_FROM": None,
        "IMMUTA_WATCH_WEBHOOK_TOKEN_FROM": f"ssm:{cloud.parameter('a-token-of-17-ch1', 'token')}",
    }
    with Webhooks(cloud, slack, tmp_path, **places) as webhooks:
        body, unsigned = permission("USER_ADMIN"), {SIGNATURE: None}
        for path in ("/permissionsUpdated", "/a-token-of-17-ch/permissionsUpdated", "/a-token-of-17-ch1/x/permissionsUpdated"):
            assert webhooks.post("", body, headers=unsigned, path=path) == 401
        nothing_came_of_it(webhooks)
        assert webhooks.post("", body, headers=unsigned, path="/prod/a-token-of-17-ch1/permissionsUpdated") == 200
        assert len(webhooks.told) == 1
        assert "a-token-of-17-ch1" not in "\n".join(webhooks.function.logs)


def test_without_anything_to_verify_by_the_function_does_not_start(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path, published=False, IMMUTA_WATCH_WEBHOOK_SECRET_FROM=None) as webhooks:
        with pytest.raises(InvocationFailed):
            webhooks.post("tagCreated", body_of({}))
        (line,) = webhooks.lines("The function cannot start.")[:1]
        assert "IMMUTA_WATCH_WEBHOOK_SECRET_FROM" in line["reason"]


def test_a_secret_that_cannot_be_read_lets_nobody_in(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path, IMMUTA_WATCH_WEBHOOK_SECRET_FROM="secretsmanager:none") as webhooks:
        assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 500
        nothing_came_of_it(webhooks)
        assert webhooks.counted("WebhooksLost") == 1


@pytest.mark.parametrize("kept", ["short", "\0" * 40, '["a-secret-of-the-webhook"]', '{"token": "the-secret-of-the-webhook"}'])
def test_a_secret_that_anybody_could_guess_lets_nobody_in(cloud, slack, tmp_path, kept):
    with Webhooks(cloud, slack, tmp_path, secret=kept) as webhooks:
        for secret in ("", kept, "the-secret-of-the-webhook"):
            assert webhooks.post("permissionsUpdated", permission("USER_ADMIN"), secret=secret) == 500
        assert "it " in webhooks.lines("Request could not be verified.")[0]["reason"] or kept == "short"
        nothing_came_of_it(webhooks)


def test_what_cannot_be_kept_is_not_answered_as_if_it_were(webhooks):
    webhooks.function.start()
    webhooks.cloud.server.on_call = lambda call: 500 if call.method == "PUT" and "/webhooks/" in call.path else None
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 500
    assert webhooks.lines("Notification could not be kept.") and webhooks.counted("WebhooksLost") == 1
    webhooks.cloud.server.on_call = None
    nothing_came_of_it(webhooks)


@pytest.mark.parametrize("failing", ["/alerts/", "/outbox/", "/manifests/", ".decision.json"])
def test_whatever_fails_once_it_is_kept_the_answer_is_200_and_nothing_is_lost(webhooks, failing):
    webhooks.function.start()
    webhooks.cloud.server.on_call = lambda call: 500 if failing in call.path else None
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
    webhooks.cloud.server.on_call = None
    assert len(webhooks.receipts) == 1 and webhooks.decisions == []
    (line,) = webhooks.lines("Notification not decided.")
    assert line["request_id"] and line["kind"] == "permissionsUpdated" and line["receipt"] in webhooks.receipts


def test_while_the_pack_in_force_cannot_be_read_the_one_of_a_moment_ago_serves(webhooks):
    webhooks.function.start()
    webhooks.cloud.server.on_call = lambda call: 500 if "/packs/" in call.path else None
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
    webhooks.cloud.server.on_call = None
    assert len(webhooks.decisions) == 1 and len(webhooks.told) == 1
    (line,) = webhooks.lines("What is in force cannot be read.")
    assert line["PacksUnreadable"] == 1


def test_before_anything_is_published_notifications_are_kept(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path, published=False) as webhooks:
        assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
        assert len(webhooks.receipts) == 1 and webhooks.decisions == []
        publish(webhooks.lake, cloud.environment)
        assert webhooks.post("permissionsUpdated", permission("GOVERNANCE")) == 200
        assert len(webhooks.decisions) == 1


def test_a_slack_that_is_down_holds_up_no_answer_and_the_message_stays_in_the_outbox(webhooks):
    webhooks.slack.answer_with = SERVER_ERROR
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
    (line,) = webhooks.lines("Notification decided.")
    assert line["PendingDeliveries"] == 1 and len(webhooks.files("outbox")) == 1
    assert len(webhooks.decisions) == 1


def test_a_slack_that_never_answers_is_not_waited_for(webhooks):
    webhooks.slack.answer_with = NEVER
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
    assert webhooks.lines("Notification not finished.") and len(webhooks.decisions) == 1
    assert len(webhooks.files("outbox")) == 1


@pytest.mark.parametrize("several", ["two values", "joined by a comma"])
def test_of_several_signatures_one_that_is_right_is_enough(webhooks, several):
    body = permission("USER_ADMIN")
    right, wrong = signature(body).hex(), "0" * 64
    if several == "two values":
        event = request("permissionsUpdated", body)
        event = {
            "version": "1.0",
            "path": "/prod/permissionsUpdated/",
            "httpMethod": "POST",
            "headers": {"content-type": "application/json", SIGNATURE: wrong},
            "multiValueHeaders": {"content-type": ["application/json"], SIGNATURE: [right, wrong]},
            "body": event["body"],
            "isBase64Encoded": True,
        }
    else:
        event = request("permissionsUpdated", body, headers={SIGNATURE: f"{wrong}, {right}"})
    assert webhooks.send(event) == 200
    assert len(webhooks.told) == 1


@pytest.mark.parametrize("place", ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"])
@pytest.mark.parametrize("binary", [CLASSIFY, SWEEP, WEBHOOK], ids=lambda path: path.name)
def test_no_level_of_the_log_lets_an_event_into_it(cloud, slack, tmp_path, binary, place):
    with Webhooks(cloud, slack, tmp_path, **{place: "TRACE"}) as webhooks:
        event = request("permissionsUpdated", permission("USER_ADMIN"))
        if binary == WEBHOOK:
            assert webhooks.send(event) == 200
            logs = webhooks.function.logs
        else:
            with Function(binary, webhooks.environment, name=binary.name) as function:
                try:
                    function.invoke({"task": "deliver", **event})
                except InvocationFailed:
                    pass
                logs = function.logs
        log = "\n".join(logs)
        for hidden in (event["body"], event["headers"][SIGNATURE], "192.0.2.7"):
            assert hidden not in log, hidden


def test_what_was_kept_and_not_decided_is_decided_by_the_sweep_and_told_once(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path, calendar=BY_NIGHT, published=False) as webhooks:
        assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
        assert webhooks.decisions == [] and webhooks.told == []
        environment = {**webhooks.environment, "IMMUTA_WATCH_EXPORTS": f"s3://{webhooks.bucket}/exports"}
        del environment["IMMUTA_WATCH_WEBHOOK_SECRET_FROM"]
        environment["IMMUTA_WATCH_QUEUE"] = cloud.queue().url
        publish(webhooks.lake, cloud.environment)
        with Function(SWEEP, environment, name="sweep") as sweep:
            sweep.invoke({"task": "reconcile"})
            assert webhooks.decisions == [], "whoever received it may be at it still"

            # As if it had come a quarter of an hour ago.
            ((name, receipt),) = webhooks.receipts.items()
            earlier = datetime.fromisoformat(receipt["received"]) - timedelta(minutes=15)
            receipt["received"] = earlier.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            hash_of_it = name.rsplit("/", 1)[1].split("-")[0]
            key = f"lake/webhooks/date={earlier:%Y-%m-%d}/{hash_of_it}-{earlier:%H%M%S}000.json"
            cloud.s3.delete_object(Bucket=webhooks.bucket, Key=f"lake/{name}")
            cloud.put(webhooks.bucket, key, json.dumps(receipt).encode())
            for _ in range(2):
                sweep.invoke({"task": "reconcile"})
            (decision,) = webhooks.decisions
            assert decision["outcome"] == "judged" and len(webhooks.told) == 1
            (line,) = [line for line in sweep.log_lines if line.get("message") == "Notifications decided late."]
            assert (line["decided"], line["WebhooksUndecided"]) == (1, 0)
