"""What Immuta could not deliver: `sweep` fetches it from the history of webhooks, or asks for it again, once."""

import json
import threading
from datetime import datetime, timedelta, timezone

import pytest

from binary import SWEEP, publish
from function_url import FunctionUrl
from immuta import KEY, Immuta
from lambda_runtime import Function, InvocationFailed
from webhooks import SECRET, Webhooks, body_of, permission

RECONCILE = {"task": "reconcile"}
LINE = "Webhook history read."
TOKEN = "the-token-of-this-test"


class Tenant:
    """An Immuta whose webhooks lead to the function, and a sweep that may ask it."""

    def __init__(self, webhooks: Webhooks, concurrency=1, key=KEY, **immuta):
        self.webhooks = webhooks
        self.immuta = Immuta(**immuta)
        self.address = FunctionUrl(webhooks.function)
        cloud = webhooks.cloud
        environment = {
            **webhooks.environment,
            "IMMUTA_WATCH_EXPORTS": f"s3://{webhooks.bucket}/exports",
            "IMMUTA_WATCH_QUEUE": cloud.queue().url,
            "IMMUTA_WATCH_IMMUTA": self.immuta.url,
            "IMMUTA_WATCH_IMMUTA_KEY_FROM": f"secretsmanager:{cloud.secret(key, 'immuta-key')}",
        }
        self.sweep = Function(SWEEP, environment, name="sweep", concurrency=concurrency)

    def __enter__(self) -> "Tenant":
        return self

    def __exit__(self, kind, *_) -> None:
        self.sweep.close()
        self.address.__exit__()
        self.immuta.__exit__()
        if kind is None:
            log = "\n".join(self.sweep.logs)
            for hidden in (KEY, SECRET, TOKEN, self.webhooks.slack.url, "tom@example.com", "Ann gave"):
                assert hidden not in log, hidden

    def register(self, *kinds: str, secret=SECRET) -> None:
        for kind in kinds:
            self.immuta.add(kind, f"{self.address.url}/{TOKEN}/{kind}", secret=secret)

    def fail(self, kind: str, body: bytes, ago=timedelta(hours=1)) -> dict:
        """Something happens while the function is gone."""
        self.address.answer_with = 502
        (record,) = self.immuta.notify(kind, body, ago)
        self.address.answer_with = None
        return record

    def reconcile(self) -> dict:
        """Runs the task and returns the line about the history."""
        self.sweep.invoke(RECONCILE)
        return self.lines[-1]

    @property
    def lines(self) -> list:
        return [line for line in self.sweep.log_lines if line.get("message") == LINE]

    @property
    def retried(self) -> list:
        return [path for method, path, _ in self.immuta.calls if "/history/retry/" in path]

    @property
    def remembered(self) -> dict:
        content = self.webhooks.cloud.get(self.webhooks.bucket, "lake/reconcile/history.json")
        return {number: seen["how"] for number, seen in json.loads(content)["records"].items()}


@pytest.fixture
def webhooks(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path) as webhooks:
        yield webhooks


def quiet(line: dict) -> bool:
    return not any(line[name] for name in ("kept", "arrived", "asked", "failed_again", "unusable", "left", "HistoryFailed"))


@pytest.mark.parametrize("body, shape", [("text", "hits"), ("json", "array")])
def test_what_failed_is_fetched_with_its_time_judged_and_told_once(webhooks, body, shape):
    with Tenant(webhooks, body=body, shape=shape) as tenant:
        tenant.register("permissionsUpdated")
        record = tenant.fail("permissionsUpdated", permission("USER_ADMIN"), timedelta(hours=30))
        assert webhooks.receipts == {}
        line = tenant.reconcile()
        assert (line["failed"], line["kept"], line["WebhooksRecovered"], line["level"]) == (1, 1, 1, "WARN")
        (receipt,) = webhooks.receipts.values()
        assert datetime.fromisoformat(receipt["received"]) == datetime.fromisoformat(record["createdAt"])
        assert json.loads(receipt["text"]) == json.loads(permission("USER_ADMIN"))
        (decision,) = webhooks.decisions
        (matched,) = decision["matches"]
        assert webhooks.told == [matched["alert"]] and matched["rule_name"] == "permissions_updated"
        assert quiet(tenant.reconcile()) and len(webhooks.receipts) == 1 and len(webhooks.told) == 1
        # Even if nothing is remembered.
        webhooks.cloud.s3.delete_object(Bucket=webhooks.bucket, Key="lake/reconcile/history.json")
        line = tenant.reconcile()
        assert (line["arrived"], line["kept"]) == (1, 0)
        assert len(webhooks.receipts) == 1 and len(webhooks.told) == 1 and tenant.retried == []


def test_what_the_history_shows_without_a_body_is_asked_for_once(webhooks):
    with Tenant(webhooks, body="none") as tenant:
        tenant.register("permissionsUpdated")
        record = tenant.fail("permissionsUpdated", permission("USER_ADMIN"))
        line = tenant.reconcile()
        assert (line["failed"], line["asked"], line["kept"], line["WebhooksRecovered"]) == (1, 1, 0, 1)
        assert tenant.retried == [f"/webhooks/history/retry/{record['id']}"]
        assert len(webhooks.receipts) == 1 and len(webhooks.told) == 1
        assert quiet(tenant.reconcile()) and len(tenant.retried) == 1 and len(webhooks.told) == 1
        assert tenant.remembered == {str(record["id"]): "asked"}


def test_what_arrived_though_immuta_had_no_answer_is_not_judged_again(webhooks):
    with Tenant(webhooks, body="json") as tenant:
        tenant.register("permissionsUpdated")
        tenant.address.lost = True
        tenant.fail("permissionsUpdated", permission("USER_ADMIN"), timedelta(minutes=1))
        assert len(webhooks.told) == 1
        line = tenant.reconcile()
        assert (line["failed"], line["arrived"], line["kept"], line["WebhooksRecovered"]) == (1, 1, 0, 0)
        assert len(webhooks.receipts) == 1 and len(webhooks.decisions) == 1 and len(webhooks.told) == 1


def test_only_what_failed_lately_at_a_webhook_of_ours_is_fetched(webhooks):
    with Tenant(webhooks) as tenant:
        tenant.register("permissionsUpdated")
        tenant.fail("permissionsUpdated", permission("AUDIT"), timedelta(days=8))
        tenant.immuta.notify("permissionsUpdated", permission("USER_ADMIN"))
        assert len(webhooks.told) == 1
        tenant.immuta.webhooks.clear()
        tenant.immuta.add("tagCreated", f"{tenant.address.url}/tagCreated", name="by hand", secret=SECRET)
        tenant.fail("tagCreated", body_of({"tag": "PII"}))
        tenant.register("permissionsUpdated")
        line = tenant.reconcile()
        assert (line["records"], line["failed"], line["level"]) == (3, 0, "INFO") and quiet(line)
        assert len(webhooks.receipts) == 1


def test_a_record_that_does_not_say_how_it_ended_is_counted_and_left_alone(webhooks):
    with Tenant(webhooks) as tenant:
        tenant.register("permissionsUpdated")
        record = tenant.fail("permissionsUpdated", permission("USER_ADMIN"))
        del record["response"], record["error"]
        line = tenant.reconcile()
        assert (line["unclear"], line["failed"], line["level"]) == (1, 0, "WARN")
        assert webhooks.receipts == {} and tenant.retried == []


def test_what_the_function_refuses_is_not_asked_for_round_and_round(webhooks):
    with Tenant(webhooks, body="none") as tenant:
        # Signed with another secret: the function answers 401 each time.
        tenant.register("permissionsUpdated", secret="another secret")
        tenant.fail("permissionsUpdated", permission("USER_ADMIN"))
        assert tenant.reconcile()["asked"] == 1
        assert tenant.reconcile()["failed_again"] == 1
        assert quiet(tenant.reconcile())
        assert len(tenant.retried) == 1 and webhooks.receipts == {}
        assert sorted(tenant.remembered.values()) == ["asked", "failed_again"]


@pytest.mark.parametrize(
    "route, status, words",
    [
        ("/webhooks", 401, "API key"),
        ("/webhooks/history", 403, "APPLICATION_ADMIN"),
        ("/webhooks/history", 500, "500: injected"),
    ],
)
def test_an_immuta_that_refuses_stops_nothing_else(webhooks, route, status, words):
    with Tenant(webhooks) as tenant:
        tenant.immuta.fail = lambda method, path: status if path == route else None
        answer = tenant.sweep.invoke(RECONCILE)
        assert answer["outcome"] == "reconciled"
        line = tenant.lines[-1]
        assert words in line["reason"] and (line["level"], line["HistoryFailed"]) == ("ERROR", 1)
        tenant.immuta.fail = lambda *_: None
        line = tenant.reconcile()
        assert (line["level"], line["HistoryFailed"]) == ("INFO", 0)


def test_an_immuta_that_is_gone_or_speaks_otherwise_stops_nothing_else(webhooks):
    with Tenant(webhooks) as tenant:
        tenant.immuta.shape = "other"
        assert "has a form that this release does not know" in tenant.reconcile()["reason"]
        tenant.immuta.__exit__()
        assert "no connection" in tenant.reconcile()["reason"]


def test_a_retry_that_immuta_refuses_is_tried_again(webhooks):
    with Tenant(webhooks, body="none") as tenant:
        tenant.register("permissionsUpdated")
        tenant.fail("permissionsUpdated", permission("USER_ADMIN"))
        tenant.immuta.fail = lambda method, path: 500 if "/retry/" in path else None
        line = tenant.reconcile()
        assert (line["asked"], line["left"], line["HistoryFailed"]) == (0, 1, 1) and tenant.remembered == {}
        tenant.immuta.fail = lambda *_: None
        assert tenant.reconcile()["asked"] == 1 and len(webhooks.told) == 1


def test_a_lake_that_fails_loses_nothing(webhooks):
    with Tenant(webhooks) as tenant:
        tenant.register("permissionsUpdated")
        tenant.fail("permissionsUpdated", permission("USER_ADMIN"), timedelta(days=3))
        tenant.sweep.invoke(RECONCILE)  # what is kept is from here on known
        webhooks.cloud.s3.delete_object(Bucket=webhooks.bucket, Key="lake/reconcile/history.json")
        for key in webhooks.cloud.keys(webhooks.bucket, "lake/webhooks/"):
            webhooks.cloud.s3.delete_object(Bucket=webhooks.bucket, Key=key)
        webhooks.cloud.server.on_call = lambda call: 500 if call.method == "PUT" and ".decision.json" in call.path else None
        line = tenant.reconcile()
        assert (line["kept"], line["left"], line["HistoryFailed"]) == (0, 1, 1)
        assert len(webhooks.receipts) == 1 and webhooks.decisions == []
        webhooks.cloud.server.on_call = None
        # Received three days ago, it is too old for those who decide what was left undecided.
        line = tenant.reconcile()
        assert line["arrived"] == 1 and len(webhooks.decisions) == 1


def test_one_run_sees_to_two_hundred_and_the_next_to_the_rest(webhooks, slack):
    with Tenant(webhooks, body="none") as tenant:
        webhook = tenant.immuta.add("tagCreated", slack.address("/hush/tagCreated"))
        record = tenant.immuta.send(webhook, b"{}", timedelta(hours=1))
        tenant.immuta.history.clear()
        for number in range(203):
            failed = {**record, "id": number, "response": {"statusCode": 503}}
            tenant.immuta.history.append((failed, webhook, b"{}"))
        line = tenant.reconcile()
        assert (line["failed"], line["asked"], line["left"]) == (203, 200, 3)
        line = tenant.reconcile()
        assert (line["asked"], line["left"]) == (3, 0)
        assert len(set(tenant.retried)) == len(tenant.retried) == 203 and quiet(tenant.reconcile())


def test_of_two_runs_at_once_one_asks(webhooks):
    with Tenant(webhooks, body="none", concurrency=2) as tenant:
        tenant.register("permissionsUpdated")
        tenant.fail("permissionsUpdated", permission("USER_ADMIN"))
        threads = [threading.Thread(target=tenant.sweep.invoke, args=(RECONCILE,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(tenant.retried) == 1 and len(webhooks.told) == 1


def test_without_the_settings_nothing_is_asked_and_half_of_them_is_an_error(webhooks):
    with Tenant(webhooks) as tenant:
        environment = dict(tenant.sweep.environment)
        del environment["IMMUTA_WATCH_IMMUTA"]
        with Function(SWEEP, environment, name="sweep") as half, pytest.raises(InvocationFailed):
            half.invoke(RECONCILE)
        del environment["IMMUTA_WATCH_IMMUTA_KEY_FROM"]
        with Function(SWEEP, environment, name="sweep") as without:
            assert without.invoke(RECONCILE)["outcome"] == "reconciled"
            assert not [line for line in without.log_lines if line.get("message") == LINE]
        assert tenant.immuta.calls == []


def test_a_published_change_of_rules_counts_for_what_is_fetched(webhooks, pack, tmp_path):
    (pack / "webhook" / "permissions_updated.yml").unlink()
    with Tenant(webhooks) as tenant:
        tenant.register("permissionsUpdated")
        tenant.fail("permissionsUpdated", permission("USER_ADMIN"))
        publish(webhooks.lake, webhooks.cloud.environment, "--rules", pack)
        tenant.reconcile()
        (decision,) = webhooks.decisions
        assert decision["matches"] == [] and datetime.fromisoformat(decision["received"]) < datetime.now(timezone.utc)
