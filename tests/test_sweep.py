"""The function `sweep`: what is pending is delivered, what is missing is found, and a silence is told."""

import json
import threading
from datetime import timedelta

import pytest

import slack as slacks
from aws import CUT
from binary import SWEEP, publish
from deployment import Deployment, alerts_in, deletions
from lambda_runtime import Function, InvocationFailed
from slack_blocks import block_text

DELIVER, RECONCILE = {"task": "deliver"}, {"task": "reconcile"}
# A message that waits is watched by these.
DELIVERY_METRICS = {
    "PendingDeliveries": "Count",
    "PossiblyRepeated": "Count",
    "RejectedDeliveries": "Count",
    "OldestPendingSeconds": "Seconds",
    "DurationMilliseconds": "Milliseconds",
}
RECONCILE_METRICS = {
    "ExportsMissing": "Count",
    "ExportsEnqueued": "Count",
    "PendingDeliveries": "Count",
    "PossiblyRepeated": "Count",
    "RejectedDeliveries": "Count",
    "DurationMilliseconds": "Milliseconds",
}


class Sweep:
    """The function, beside classify in a deployment."""

    def __init__(self, deployed: Deployment, concurrency=1, timeout_s=60, **environment):
        self.deployed = deployed
        settings = {**deployed.environment, "IMMUTA_WATCH_QUEUE": deployed.queue.url, **environment}
        settings = {name: value for name, value in settings.items() if value is not None}
        self.function = Function(SWEEP, settings, concurrency=concurrency, timeout_s=timeout_s, name="sweep")

    def __enter__(self) -> "Sweep":
        return self

    def __exit__(self, *_) -> None:
        self.function.close()

    def deliver(self) -> dict:
        return self.function.invoke(DELIVER)

    def reconcile(self) -> dict:
        return self.function.invoke(RECONCILE)

    def at_once(self, event: dict, many: int) -> list:
        """The answers of so many invocations at once."""
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.function.invoke(event))) for _ in range(many)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def line(self, task: dict) -> dict:
        """The last line of a task."""
        return [line for line in self.function.log_lines if line.get("task") == task["task"]][-1]


@pytest.fixture
def deployed(cloud, slack):
    with Deployment(cloud, slack) as deployed:
        yield deployed


@pytest.fixture
def sweep(deployed):
    with Sweep(deployed) as sweep:
        yield sweep


def lose(deployed: Deployment, name: str, content: bytes, **age) -> str:
    """An export of which nobody was told, or a new version of one; written an hour ago unless said otherwise."""
    deployed.run()
    address = deployed.upload(name, content)
    deployed.cloud.set_age(deployed.bucket, f"exports/{name}", timedelta(**(age or {"hours": 1})))
    lost = deployed.cloud.take_all(deployed.queue)
    assert len(lost) == 1
    return address


def metrics_of(line: dict) -> dict:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert line["Function"] == "sweep" and directive["Namespace"] == "ImmutaWatch"
    return {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}


# deliver


def test_what_slack_could_not_get_is_delivered_once_when_it_is_back(deployed, sweep, slack, tmp_path):
    export = deletions("ann")
    (alert,) = alerts_in(tmp_path / "local", export)
    slack.stop()
    deployed.upload("events.ndjson", export)
    deployed.run()
    assert deployed.told_by_topic() == [(alert, False)]
    deployed.time_passes()
    assert sweep.deliver()["pending"] == 1
    (entry,) = deployed.outbox
    content = json.loads(deployed.cloud.get(deployed.bucket, entry))
    content["written"] = content["written"].replace(content["written"][:4], "2025", 1)
    deployed.cloud.put(deployed.bucket, entry, json.dumps(content).encode())
    deployed.time_passes()
    sweep.deliver()
    line = sweep.line(DELIVER)
    assert line["PendingDeliveries"] == 1 and line["OldestPendingSeconds"] > 100 * 86_400
    assert line["message"] == "Outbox delivered." and metrics_of(line) == DELIVERY_METRICS

    slack.start()
    deployed.time_passes()
    assert sweep.deliver().items() >= {"sent": 1, "pending": 0, "rejected": 0, "failed": 0, "entries": 1}.items()
    assert deployed.told_by_slack() == [(alert, False)]
    assert deployed.told_by_topic() == deployed.outbox == []
    line = sweep.line(DELIVER)
    assert (line["sent"], line["PendingDeliveries"], line["OldestPendingSeconds"]) == (1, 0, 0)
    assert sweep.deliver()["entries"] == 0


def test_a_pending_message_says_how_long_it_has_been_waiting(deployed, sweep, slack):
    slack.answer_with = slacks.rate_limited(900)
    deployed.upload("events.ndjson", deletions("ann"))
    deployed.run()
    requests = len(slack.requests)
    assert sweep.deliver().items() >= {"sent": 0, "pending": 1}.items()
    assert len(slack.requests) == requests, "it was to be left alone"
    assert 0 <= sweep.line(DELIVER)["OldestPendingSeconds"] < 600


def test_two_sweeps_at_once_tell_nobody_twice(deployed, slack, tmp_path):
    exports = [deletions(f"a{number}", hours_ago=number + 1) for number in range(12)]
    expected = sorted((alert, False) for alert in alerts_in(tmp_path / "local", *exports))
    slack.stop()
    for number, export in enumerate(exports):
        deployed.upload(f"{number}.ndjson", export)
    deployed.run()
    assert len(deployed.outbox) == 12
    slack.start()
    deployed.time_passes()
    with Sweep(deployed, concurrency=2) as sweep:
        answers = sweep.at_once(DELIVER, 2)
        assert sum(answer["sent"] for answer in answers) == 12 and sweep.function.cold_starts == 2
        sweep.deliver()
    assert sorted(deployed.told_by_slack()) == sorted(deployed.told_by_topic()) == expected
    assert deployed.outbox == []


def test_an_entry_that_nobody_can_read_holds_up_no_other_and_is_seen(deployed, sweep, slack):
    slack.stop()
    deployed.upload("events.ndjson", deletions("ann"))
    deployed.run()
    slack.start()
    deployed.time_passes()
    key = "lake/outbox/0000-damaged.json"
    deployed.cloud.put(deployed.bucket, key, b"{")
    deployed.cloud.set_age(deployed.bucket, key, timedelta(hours=5))
    assert sweep.deliver().items() >= {"sent": 1, "failed": 1}.items()
    line = sweep.line(DELIVER)
    assert line["level"] == "WARN" and key.removeprefix("lake/") in line["reason"]
    assert 5 * 3600 <= line["OldestPendingSeconds"] < 5 * 3600 + 600
    assert len(deployed.told_by_slack()) == 1 and deployed.outbox == [key]


def test_there_is_no_time_for_what_would_outlast_the_function(deployed, slack):
    slack.stop()
    deployed.upload("events.ndjson", deletions("ann"))
    deployed.run()
    slack.start()
    deployed.time_passes()
    with Sweep(deployed, timeout_s=20) as short:
        assert short.deliver().items() >= {"entries": 0, "not_reached": 1}.items()
    assert deployed.told_by_slack() == []


def test_what_is_put_in_force_is_told_once(deployed, sweep, tmp_path):
    sweep.deliver()
    configuration = tmp_path / "immuta-watch.yml"
    configuration.write_text("lists:\n  sensitive_tags:\n    add: [DiscoveredEntity.Payroll]\n")
    publish(deployed.lake, deployed.cloud.environment, "--config", configuration, "--by", "carol")
    for _ in range(2):
        sweep.deliver()
    deployed.next_invocation()
    (notice,) = deployed.notices
    assert notice["rule_name"] == "pack_changed"
    assert deployed.told_by_slack() == deployed.told_by_topic() == [(notice["id"], False)]


# reconcile


def test_an_export_whose_notification_was_lost_is_enqueued_once_and_classified(deployed, sweep, tmp_path):
    export = deletions("ann")
    (alert,) = alerts_in(tmp_path / "local", export)
    deployed.upload("there.ndjson", b"\n")
    lost = lose(deployed, "a day/lost+1 ü.ndjson", export)
    young = deployed.upload("young.ndjson", b"\n")
    deployed.cloud.take_all(deployed.queue)

    answer = sweep.reconcile()
    assert answer == {
        "outcome": "reconciled", "exports": 3, "missing": 1, "under_way": 1, "refused": 0, "enqueued": 1,
        "waiting": 0, "given_up": 0, "complete": True, "silent": False,
    }  # fmt: skip
    line = sweep.line(RECONCILE)
    assert (line["message"], line["level"], line["under_way"], line["manifests"]) == ("Exports reconciled.", "WARN", 1, 1)
    assert (line["ExportsMissing"], line["ExportsEnqueued"]) == (1, 1) and metrics_of(line) == RECONCILE_METRICS
    # A schedule that comes twice enqueues nothing twice.
    assert sweep.reconcile()["enqueued"] == 0
    deployed.run()
    assert lost in deployed.manifests and young not in deployed.manifests
    assert deployed.told_by_slack() == deployed.told_by_topic() == [(alert, False)]
    deployed.time_passes()
    assert sweep.reconcile().items() >= {"missing": 0, "enqueued": 0}.items()
    assert sweep.line(RECONCILE)["level"] == "INFO"
    assert deployed.run() == []


def test_an_export_that_was_replaced_is_found(deployed, sweep, tmp_path):
    deployed.upload("events.ndjson", b"\n")
    deployed.run()
    deployed.cloud.set_age(deployed.bucket, "exports/events.ndjson", timedelta(hours=9))
    assert sweep.reconcile()["missing"] == 0
    replaced = deletions("ann")
    (alert,) = alerts_in(tmp_path / "local", replaced)
    address = lose(deployed, "events.ndjson", replaced)
    assert sweep.reconcile().items() >= {"missing": 1, "enqueued": 1}.items()
    deployed.run()
    assert deployed.manifests[address]["counts"]["classified"] == 1
    assert deployed.told_by_slack() == [(alert, False)]
    deployed.time_passes()
    assert sweep.reconcile()["missing"] == 0


def test_manifests_that_were_compared_are_not_read_again(deployed, sweep):
    for number in range(5):
        deployed.upload(f"{number}.ndjson", b"\n")
    deployed.run()
    for key in [*deployed.cloud.keys(deployed.bucket, "exports/"), *deployed.cloud.keys(deployed.bucket, "lake/manifests/")]:
        deployed.cloud.set_age(deployed.bucket, key, timedelta(hours=9))
    for read in (5, 0):
        deployed.cloud.server.calls.clear()
        assert sweep.reconcile().items() >= {"exports": 5, "missing": 0}.items()
        calls = [call for call in deployed.cloud.server.calls if "/lake/manifests/" in call.path]
        assert len(calls) == read and sweep.line(RECONCILE)["manifests_read"] == read


def test_an_export_that_cannot_be_classified_is_told_of_once_and_left_alone_until_it_is_replaced(deployed, sweep):
    address = lose(deployed, "poison.ndjson", deletions("ann"))
    for _ in range(3):
        assert sweep.reconcile()["enqueued"] == 1
        assert len(deployed.cloud.take_all(deployed.queue)) == 1  # it fails until it is in the dead-letter queue
        deployed.time_passes()
    assert deployed.notices == []
    for _ in range(3):
        assert sweep.reconcile().items() >= {"missing": 1, "enqueued": 0, "given_up": 1}.items()
        deployed.time_passes()
    (notice,) = deployed.notices
    assert notice["rule_name"] == "export_not_classified"
    assert notice["look"] == f"immuta-watch run {address} --lake {deployed.lake} --notify"
    assert deployed.told_by_slack() == deployed.told_by_topic() == [(notice["id"], False)]
    assert "dead-letter queue" in block_text(deployed.slack.messages[0])
    assert deployed.cloud.take_all(deployed.queue) == []

    lose(deployed, "poison.ndjson", deletions("bob"))
    assert sweep.reconcile().items() >= {"enqueued": 1, "given_up": 0}.items()
    deployed.run()
    deployed.time_passes()
    assert sweep.reconcile()["missing"] == 0 and len(deployed.notices) == 1


def test_what_classify_refused_is_missing_and_neither_enqueued_nor_told_again(cloud, slack):
    with Deployment(cloud, slack, IMMUTA_WATCH_LARGEST_EXPORT="100") as deployed, Sweep(deployed) as sweep:
        deployed.upload("large.ndjson", deletions("ann"))
        deployed.run()
        deployed.cloud.set_age(deployed.bucket, "exports/large.ndjson", timedelta(minutes=20))
        assert sweep.reconcile().items() >= {"missing": 1, "enqueued": 0}.items()
        assert sweep.line(RECONCILE)["refused"] == 1 and len(deployed.notices) == 1


def test_two_sweeps_at_once_enqueue_nothing_twice(deployed):
    for number in range(15):
        lose(deployed, f"{number}.ndjson", b"\n")
    # Both have compared before either enters anything.
    meet = threading.Barrier(2)

    def on_call(call):
        if call.method == "PUT" and "/lake/reconcile/" in call.path and not meet.broken:
            try:
                meet.wait(10)
            except threading.BrokenBarrierError:
                pass

    with Sweep(deployed, concurrency=2) as sweep:
        deployed.cloud.server.on_call = on_call
        answers = sweep.at_once(RECONCILE, 2)
        deployed.cloud.server.on_call = None
        told = sorted((answer["outcome"], answer["enqueued"]) for answer in answers)
        assert told == [("overtaken", 0), ("reconciled", 15)]
    assert len(deployed.cloud.take_all(deployed.queue)) == 15


def test_more_exports_than_a_page_and_than_one_run_enqueues(deployed, sweep):
    cloud = deployed.cloud
    cloud.s3.put_bucket_notification_configuration(Bucket=deployed.bucket, NotificationConfiguration={})
    for number in range(1130):
        cloud.put(deployed.bucket, f"exports/{number:04}.ndjson", b"\n")
        cloud.set_age(deployed.bucket, f"exports/{number:04}.ndjson", timedelta(hours=1))
    assert sweep.reconcile().items() >= {"exports": 1130, "missing": 1130, "enqueued": 1000, "waiting": 130}.items()
    line = sweep.line(RECONCILE)
    assert (line["waiting"], line["complete"], line["ExportsEnqueued"]) == (130, True, 1000)
    assert sweep.reconcile().items() >= {"missing": 1130, "enqueued": 130, "waiting": 0}.items()
    bodies = map(json.loads, cloud.waiting(deployed.queue))
    keys = [body["Records"][0]["s3"]["object"]["key"] for body in bodies]
    assert sorted(keys) == [f"exports/{number:04}.ndjson" for number in range(1130)]


def test_a_queue_that_fails_is_an_error_and_what_it_did_not_take_is_due_again(deployed, sweep):
    for number in range(12):
        lose(deployed, f"{number}.ndjson", b"\n")
    calls = []

    def on_call(call):
        if call.target == "AmazonSQS.SendMessageBatch":
            calls.append(call)
            return CUT if len(calls) > 1 else None
        return None

    deployed.cloud.server.on_call = on_call
    with pytest.raises(InvocationFailed):
        sweep.reconcile()
    deployed.cloud.server.on_call = None
    line = sweep.line(RECONCILE)
    assert (line["outcome"], line["level"], line["ExportsEnqueued"]) == ("failed", "ERROR", 10)
    assert deployed.queue.url in line["reason"]
    assert sweep.reconcile().items() >= {"missing": 12, "enqueued": 2}.items()
    assert len(deployed.cloud.take_all(deployed.queue)) == 12


def test_killed_before_it_enqueues_it_does_so_an_hour_later(deployed, sweep):
    address = lose(deployed, "lost.ndjson", deletions("ann"))

    def on_call(call):
        if call.target == "AmazonSQS.SendMessageBatch":
            sweep.function.kill_soon()
            return CUT
        return None

    deployed.cloud.server.on_call = on_call
    with pytest.raises(InvocationFailed):
        sweep.reconcile()
    deployed.cloud.server.on_call = None
    assert sweep.reconcile().items() >= {"missing": 1, "enqueued": 0}.items()
    deployed.time_passes()
    assert sweep.reconcile()["enqueued"] == 1
    deployed.run()
    assert address in deployed.manifests and len(deployed.told_by_slack()) == 1


# silence


def arrivals(deployed: Deployment, hours: range, name="h") -> None:
    """Exports that arrived so many hours ago."""
    deployed.cloud.s3.put_bucket_notification_configuration(Bucket=deployed.bucket, NotificationConfiguration={})
    for hour in hours:
        key = f"exports/{name}{hour}.ndjson"
        deployed.cloud.put(deployed.bucket, key, b"\n")
        deployed.cloud.set_age(deployed.bucket, key, timedelta(hours=hour, minutes=1))


def test_a_silence_is_told_once_and_the_next_one_again(deployed, sweep):
    arrivals(deployed, range(8, 40))
    for _ in range(3):
        answer = sweep.reconcile()
        assert answer["silent"] is True
    line = sweep.line(RECONCILE)
    assert line["silent"] is True and line["usual_gap_seconds"] == 7200 and line["newest"]
    (first,) = deployed.notices
    assert first["rule_name"] == "exports_silent" and line["newest"] in json.dumps(first)
    assert deployed.told_by_slack() == deployed.told_by_topic() == [(first["id"], False)]

    # One comes, and it is well; and then none comes again.
    arrivals(deployed, range(1), name="new")
    assert sweep.reconcile()["silent"] is False
    deployed.cloud.set_age(deployed.bucket, "exports/new0.ndjson", timedelta(hours=7))
    assert sweep.reconcile()["silent"] is True
    assert len(deployed.notices) == 2 and len(deployed.told_by_slack()) == 2


def test_few_exports_and_a_young_silence_are_none(deployed, sweep):
    arrivals(deployed, range(30, 45))
    assert sweep.reconcile()["silent"] is False
    arrivals(deployed, range(5, 40))
    assert sweep.reconcile()["silent"] is False and deployed.notices == []


# What cannot be done says what to do.


@pytest.mark.parametrize("event", [{"task": "tidy"}, {}, [], "deliver"])
def test_an_unknown_task_is_an_error_that_names_the_tasks(sweep, event):
    with pytest.raises(InvocationFailed, match="there is no task|names no task") as failed:
        sweep.function.invoke(event)
    assert '{"task":"deliver"}, {"task":"reconcile"} or {"task":"close-day"}' in failed.value.message
    (line,) = [line for line in sweep.function.log_lines if line["message"] == "Task failed."]
    assert line["level"] == "ERROR" and line["reason"] == failed.value.message


@pytest.mark.parametrize("task", [DELIVER, RECONCILE])
def test_without_a_pack_in_force_a_task_fails_and_says_what_to_do(cloud, slack, task):
    with Deployment(cloud, slack, published=False) as deployed, Sweep(deployed) as sweep:
        with pytest.raises(InvocationFailed):
            sweep.function.invoke(task)
        assert f"immuta-watch publish --lake {deployed.lake}" in sweep.line(task)["reason"]


@pytest.mark.parametrize("variable", ["IMMUTA_WATCH_QUEUE", "IMMUTA_WATCH_EXPORTS"])
def test_reconcile_says_which_setting_it_needs_and_deliver_needs_none(deployed, variable):
    with Sweep(deployed, **{variable: None}) as sweep:
        with pytest.raises(InvocationFailed, match=f"{variable} is not set; set it to"):
            sweep.reconcile()
        assert sweep.line(RECONCILE)["message"] == "Task failed."
        assert sweep.deliver()["entries"] == 0


def test_a_queue_that_is_no_url_is_refused_at_the_start(deployed):
    with Sweep(deployed, IMMUTA_WATCH_QUEUE="arn:aws:sqs:eu-west-1:123456789012:exports") as sweep:
        with pytest.raises(InvocationFailed):
            sweep.deliver()
        (line,) = [line for line in sweep.function.log_lines if line["message"] == "The function cannot start."]
        assert "IMMUTA_WATCH_QUEUE" in line["reason"] and "is no URL" in line["reason"]
