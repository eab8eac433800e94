"""The function `classify`: from an object in S3 to the lake and the people concerned."""

import json
import os

import pytest

import slack as slacks
from binary import CLASSIFY, immuta_watch, publish
from deployment import Deployment, alerts_in, conserved, deletions, slack_message
from lambda_runtime import Function, InvocationFailed
from notifications import NAMED, notification
from records import gzipped, ndjson, record
from slack_blocks import block_text

# Metrics of the wide line and their units, as CloudWatch names these.
METRICS = {
    "ExportsClassified": "Count",
    "Events": "Count",
    "Quarantined": "Count",
    "Unaccounted": "Count",
    "Alerts": "Count",
    "PendingDeliveries": "Count",
    "PossiblyRepeated": "Count",
    "RejectedDeliveries": "Count",
    "LatenessSeconds": "Seconds",
    "DurationMilliseconds": "Milliseconds",
    "Bytes": "Bytes",
}
# The bucket and prefix of the exports in the fixtures.
FIXTURE_BUCKET = "acme-immuta-audit"


@pytest.fixture
def deployed(cloud, slack):
    with Deployment(cloud, slack) as deployed:
        yield deployed


def test_an_upload_becomes_a_lake_and_one_message_of_each_alert_to_each_destination(deployed, tmp_path):
    cloud = deployed.cloud
    grave, deaf = cloud.queue("grave"), cloud.queue("deaf")
    cloud.subscribe(deployed.topic.arn, grave, filter_policy={"level": ["high"]})
    cloud.subscribe(deployed.topic.arn, deaf, filter_policy={"level": ["critical"]})
    export = deletions("ann", "bob") + ndjson(record("TagApplied", 3)) + b"no record\n"
    address = deployed.upload("a day/events+1.ndjson.gz", gzipped(export))

    (batch,) = deployed.run()
    assert batch.failed == [] and batch.error is None

    expected = alerts_in(tmp_path / "local", export)
    assert len(expected) == 2
    (manifest,) = deployed.manifests.values()
    assert manifest["uri"] == address and conserved(manifest)
    assert (manifest["counts"]["classified"], manifest["counts"]["quarantined"]) == (3, 1)
    files = {file["name"] for file in manifest["files"]}
    assert files | {f"manifests/{manifest['source']}.json"} == set(deployed.data())
    assert deployed.outbox == [] and cloud.keys(deployed.bucket, "lake/leases/") == []

    assert sorted(deployed.told_by_slack()) == sorted((alert, False) for alert in expected)
    for body in deployed.slack.messages:
        alert = expected[slack_message(body)[0]]
        assert alert["key"]["watch.actor"][0] in block_text(body) and alert["level"].upper() in body["text"]
        assert f"explain {alert['id']} --lake {deployed.lake}" in block_text(body)

    sent = cloud.sent(deployed.topic.inbox)
    assert sorted(json.loads(each.body)["id"] for each in sent) == sorted(expected)
    for each, published in zip(sent, cloud.published(deployed.topic)):
        body = json.loads(each.body)
        alert = expected[body["id"]]
        actor = alert["key"]["watch.actor"][0]
        assert (body["level"], body["rule_name"], body["rule"]) == ("high", alert["rule"], alert["rule_id"])
        assert body["places"][0]["export"] == address and body["tenant"] == "example"
        assert each.subject.startswith("HIGH: Webhook deleted") and len(each.subject) < 100 and each.subject.isascii()
        assert actor in published["default"] and alert["id"] in published["default"]
        assert not published["default"].startswith("{")
        assert each.attributes.items() >= {
            "level": "high", "rule": alert["rule_id"], "question": "watcher", "route": "notification", "tenant": "example"
        }.items()  # fmt: skip
    for alert in expected:
        said = immuta_watch("explain", alert, "--lake", deployed.lake, env={**os.environ, **cloud.environment}).out
        told = said.partition("Who was told")[2].partition("\n\n")[0]
        assert "slack" in told and "topic" in told and told.count("told at") == 2, said
    assert sorted(json.loads(each.body)["id"] for each in cloud.sent(grave)) == sorted(expected)
    assert cloud.sent(deaf) == []


def test_the_wide_line_of_an_export_counts_everything_and_carries_its_metrics(deployed):
    export = deletions("ann", "bob", hours_ago=2) + b"no record\n"
    address = deployed.upload("events.ndjson", export)
    (batch,) = deployed.run()
    (line,) = deployed.lines("Export classified.")
    assert line["export"] == address and line["message_id"] == batch.messages[0] and line["outcome"]
    counted = {name: line[name] for name in METRICS if name not in ("LatenessSeconds", "DurationMilliseconds")}
    assert counted == {
        "ExportsClassified": 1, "Events": 2, "Quarantined": 1, "Unaccounted": 0, "Alerts": 2,
        "PendingDeliveries": 0, "PossiblyRepeated": 0, "RejectedDeliveries": 0, "Bytes": len(export),
    }  # fmt: skip
    assert 7200 <= line["LatenessSeconds"] < 7200 + 600
    assert 0 < line["DurationMilliseconds"] < 60_000
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] and isinstance(line["_aws"]["Timestamp"], int)
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == METRICS
    assert all(dimension in line for dimensions in directive["Dimensions"] for dimension in dimensions)


def fixture_exports(cloud, name: str) -> str:
    """Puts the objects there that a fixture names; returns the event, which names the versions that they got."""
    if FIXTURE_BUCKET not in [bucket["Name"] for bucket in cloud.s3.list_buckets()["Buckets"]]:
        where = {"LocationConstraint": cloud.s3.meta.region_name}
        cloud.s3.create_bucket(Bucket=FIXTURE_BUCKET, CreateBucketConfiguration=where)
        versioning = {"Status": "Enabled"}
        cloud.s3.put_bucket_versioning(Bucket=FIXTURE_BUCKET, VersioningConfiguration=versioning)
    event = json.dumps(notification(name), ensure_ascii=False)
    for named in NAMED[name]:
        content = ndjson(record("TagApplied", 1))
        put = cloud.put(FIXTURE_BUCKET, named["key"], gzipped(content) if named["key"].endswith(".gz") else content)
        if "version" in named:
            event = event.replace(named["version"], put["VersionId"])
    return json.loads(event)


@pytest.mark.parametrize("name", NAMED)
def test_every_form_of_notification_names_its_exports(cloud, slack, name):
    event = fixture_exports(cloud, name)
    with Deployment(cloud, slack, IMMUTA_WATCH_EXPORTS=f"s3://{FIXTURE_BUCKET}/immuta/audit") as deployed:
        answer = deployed.function.invoke(event)
        named = {f"s3://{FIXTURE_BUCKET}/{each['key']}" for each in NAMED[name]}
        assert set(deployed.manifests) == named
        assert all(conserved(manifest) for manifest in deployed.manifests.values())
        assert {line["export"] for line in deployed.lines("Export classified.")} == named
        if "messageId" in json.dumps(event).partition("s3")[0]:
            assert answer == {"batchItemFailures": []}
        else:
            assert answer["exports"] == len(named)


def test_an_event_without_a_queue_fails_as_an_invocation(cloud, slack):
    with Deployment(cloud, slack, IMMUTA_WATCH_EXPORTS=None) as deployed:
        event = json.dumps(notification("s3")).replace(FIXTURE_BUCKET, f"missing-{cloud.mark}")
        with pytest.raises(InvocationFailed):
            deployed.function.invoke(json.loads(event))
        (line,) = deployed.lines("Export failed.")
        assert line["reason"]


def test_a_bad_message_fails_alone(deployed):
    good = [deployed.upload(f"{number}.ndjson", deletions(f"a{number}", hours_ago=number + 1)) for number in range(2)]
    bad = deployed.cloud.send(deployed.queue, "{ no notification")
    batch = deployed.source.run_once()
    assert len(batch.messages) == 3 and batch.failed == [bad] and batch.error is None
    assert sorted(deployed.manifests) == sorted(good)


@pytest.mark.parametrize("body", ["{ no notification", '{"hello":"world"}', "[]", "null"])
def test_a_message_that_nobody_can_read_ends_in_the_dead_letter_queue_with_the_reason(deployed, body):
    message = deployed.cloud.send(deployed.queue, body)
    deployed.run()
    assert deployed.cloud.bodies(deployed.queue.dead_letters) == [body]
    said = [line for line in deployed.function.log_lines if line.get("message_id") == message]
    assert said and all(line["reason"] for line in said)


def test_an_export_in_a_bucket_that_is_not_there_ends_in_the_dead_letter_queue_with_the_reason(cloud, slack):
    with Deployment(cloud, slack, IMMUTA_WATCH_EXPORTS=None) as deployed:
        body = json.dumps(notification("s3")).replace(FIXTURE_BUCKET, f"missing-{cloud.mark}")
        message = cloud.send(deployed.queue, body)
        batches = deployed.run()
        assert all(batch.failed == [message] and batch.error is None for batch in batches)
        assert cloud.bodies(deployed.queue.dead_letters) == [body]
        lines = deployed.lines("Export failed.")
        assert lines and {line["message_id"] for line in lines} == {message}
        assert all("bucket" in line["reason"].lower() and line["export"].startswith("s3://missing-") for line in lines)
        assert slack.messages == [] and deployed.manifests == {}


def test_what_is_no_export_is_passed_over_and_counted(deployed):
    cloud, bucket = deployed.cloud, deployed.bucket
    own = [key for key in cloud.keys(bucket, "lake/")][:1]
    keys = ["elsewhere/events.ndjson", "exports-of-old/events.ndjson", "exports/folder/", "exports/empty.ndjson", *own]
    assert own, "publishing leaves something in the lake"
    for key in keys[:4]:
        cloud.put(bucket, key, b"" if key.endswith(("/", "empty.ndjson")) else deletions("ann"))
    cloud.take_all(deployed.queue)
    records = []
    for key in keys:
        (made,) = notification("s3")["Records"]
        made["s3"]["bucket"]["name"] = bucket
        made["s3"]["object"].update(key=key, size=len(cloud.get(bucket, key)))
        records.append(made)
    assert deployed.function.invoke({"Records": records}) == {"exports": 0, "passed_over": len(keys)}
    addresses = [f"s3://{bucket}/{key}" for key in keys]
    assert sorted(line["export"] for line in deployed.lines("Export passed over.")) == sorted(addresses)
    assert deployed.manifests == {} and deployed.slack.messages == []


def test_an_export_that_is_gone_is_told_by_a_notice_and_not_tried_again(deployed):
    address = deployed.upload("gone.ndjson", deletions("ann"))
    deployed.cloud.s3.delete_object(Bucket=deployed.bucket, Key="exports/gone.ndjson")
    (batch,) = deployed.run()
    assert batch.failed == []
    (notice,) = deployed.notices
    assert notice["rule_name"] == "export_gone" and address in json.dumps(notice)
    assert deployed.told_by_slack() == deployed.told_by_topic() == [(notice["id"], False)]
    (line,) = deployed.lines("Export gone.")
    assert line["export"] == address and line["Unaccounted"] == 0
    assert deployed.manifests == {}


def test_too_large_an_export_is_refused_with_the_command_that_reads_it(cloud, slack):
    with Deployment(cloud, slack, IMMUTA_WATCH_LARGEST_EXPORT="1000") as deployed:
        large, small = deletions(*(f"a{number}" for number in range(9))), b"\n"
        address = deployed.upload("large.ndjson", large)
        deployed.upload("small.ndjson", small)
        (batch,) = deployed.run()
        assert batch.failed == []
        (notice,) = deployed.notices
        assert notice["rule_name"] == "export_too_large"
        assert f"immuta-watch run {address} --lake {deployed.lake}" in notice["look"]
        assert f"immuta-watch run {address}" in block_text(slack.messages[0])
        assert deployed.told_by_slack() == deployed.told_by_topic() == [(notice["id"], False)]
        (line,) = deployed.lines("Export refused.")
        assert line["export"] == address and line["Bytes"] == len(large)
        assert set(deployed.manifests) == {f"s3://{deployed.bucket}/exports/small.ndjson"}


def test_what_was_refused_is_classified_by_the_command_that_the_notice_names_and_told_by_the_function(cloud, slack):
    with Deployment(cloud, slack, IMMUTA_WATCH_LARGEST_EXPORT="1000") as deployed:
        address = deployed.upload("large.ndjson", deletions("ann", "bob", "cyd"))
        deployed.run()
        (notice,) = deployed.notices
        program, *command = notice["look"].split()
        assert program == "immuta-watch"
        said = immuta_watch(*command, env={**os.environ, **cloud.environment}).out
        assert "the functions that watch this lake tell people" in said
        assert set(deployed.manifests) == {address} and len(deployed.outbox) == 1
        (manifest,) = deployed.manifests.values()
        current = json.loads(cloud.get(deployed.bucket, "lake/packs/current"))
        assert (manifest["pack"], manifest["configuration"]) == (current["pack"], current["configuration"])
        deployed.next_invocation()
        assert deployed.outbox == [] and len(deployed.told_by_slack()) == len(deployed.told_by_topic()) == 4


def test_without_a_pack_in_force_nothing_is_lost(cloud, slack):
    with Deployment(cloud, slack, max_receives=100, published=False) as deployed:
        address = deployed.upload("events.ndjson", deletions("ann"))
        batch = deployed.source.run_once()
        assert batch.error is not None or batch.failed
        (line,) = deployed.lines("Nothing can be classified.")
        assert f"immuta-watch publish --lake {deployed.lake}" in line["reason"]
        publish(deployed.lake, cloud.environment)
        deployed.source.redeliver()
        deployed.run()
        assert set(deployed.manifests) == {address} and len(deployed.told_by_slack()) == 1


def test_what_is_put_in_force_is_told_once_and_holds_from_then_on(deployed, tmp_path):
    deployed.upload("before.ndjson", deletions("ann"))
    deployed.run()
    assert len(deployed.told_by_slack()) == len(deployed.told_by_topic()) == 1
    (before,) = {manifest["configuration"] for manifest in deployed.manifests.values()}

    configuration = tmp_path / "immuta-watch.yml"
    configuration.write_text("lists:\n  sensitive_tags:\n    add: [DiscoveredEntity.Payroll]\n")
    publish(deployed.lake, deployed.cloud.environment, "--config", configuration, "--by", "carol")
    for number in range(2):
        deployed.upload(f"{number}.ndjson", b"\n")
        deployed.run()
    (notice,) = deployed.notices
    assert notice["rule_name"] == "pack_changed" and "carol" in json.dumps(notice)
    assert deployed.told_by_slack()[1:] == deployed.told_by_topic() == [(notice["id"], False)]
    after = {manifest["configuration"] for manifest in deployed.manifests.values()} - {before}
    assert len(after) == 1

    # A process that begins anew does not tell it again.
    deployed.function.kill()
    deployed.next_invocation()
    assert len(deployed.notices) == 1 and deployed.told_by_topic() == []


def test_what_asks_for_silence_is_classified_and_told_to_nobody(deployed):
    cloud, key = deployed.cloud, "exports/old.ndjson"
    cloud.put(deployed.bucket, key, deletions("ann"))
    cloud.take_all(deployed.queue)
    (made,) = notification("s3")["Records"]
    made["s3"]["bucket"]["name"], made["s3"]["object"]["key"] = deployed.bucket, key
    cloud.send(deployed.queue, json.dumps({"Records": [made], "immutaWatch": {"announce": False}}))
    (batch,) = deployed.run()
    assert batch.failed == [] and len(deployed.manifests) == 1
    assert deployed.told_by_slack() == deployed.told_by_topic() == deployed.outbox == []


@pytest.mark.parametrize(
    "variable, value, said",
    [
        ("IMMUTA_WATCH_LAKE", "lake", "no address in S3"),
        ("IMMUTA_WATCH_TOPIC", "alerts", "no ARN"),
        ("IMMUTA_WATCH_SLACK_URL_FROM", "https://hooks.slack.com/services/T0/B0/secret", "never the secret itself"),
        ("IMMUTA_WATCH_EXPORT", "s3://exports", "did you mean IMMUTA_WATCH_EXPORTS?"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused_at_the_start(cloud, variable, value, said):
    environment = {**cloud.environment, "IMMUTA_WATCH_LAKE": "s3://lake-of-a-test/lake", variable: value}
    with Function(CLASSIFY, environment) as function:
        with pytest.raises(InvocationFailed):
            function.invoke({"Records": []})
        (line,) = [line for line in function.log_lines if line["message"] == "The function cannot start."]
        assert said in line["reason"] and variable in line["reason"] and "services/T0" not in "".join(function.logs)


def test_backfill_feeds_the_queue_and_nobody_is_told_unless_asked(deployed, tmp_path):
    cloud = deployed.cloud
    for number in range(12):
        cloud.put(deployed.bucket, f"exports/old & {number}.ndjson", deletions(f"a{number}", hours_ago=number + 1))
    cloud.take_all(deployed.queue)  # what S3 said of them is lost
    exports = f"s3://{deployed.bucket}/exports"

    def backfill(*options):
        arguments = ("--queue", deployed.queue.url, "--lake", deployed.lake, "--rate", 1000, *options)
        immuta_watch("backfill", exports, *arguments, env={**os.environ, **cloud.environment}, cwd=tmp_path)

    backfill()  # S3 may be telling of these itself
    assert deployed.run() == []
    backfill("--until", "2100-01-01")
    deployed.run()
    assert len(deployed.manifests) == 12 and deployed.outbox == []
    assert deployed.told_by_slack() == deployed.told_by_topic() == []

    cloud.put(deployed.bucket, "exports/late.ndjson", deletions("zoe", hours_ago=20))
    cloud.take_all(deployed.queue)
    backfill("--notify")
    deployed.run()
    assert len(deployed.manifests) == 13 and len(deployed.told_by_slack()) == 1


def test_a_change_is_told_even_if_it_is_that_nobody_is_told_any_more(deployed, tmp_path):
    deployed.next_invocation()
    configuration = tmp_path / "immuta-watch.yml"
    configuration.write_text("notify:\n  routes:\n    - {to: [slack, topic], level: critical}\n")
    publish(deployed.lake, deployed.cloud.environment, "--config", configuration)
    deployed.next_invocation()
    (notice,) = deployed.notices
    assert deployed.told_by_slack() == deployed.told_by_topic() == [(notice["id"], False)]


def test_a_change_without_a_history_is_told(deployed, tmp_path):
    deployed.next_invocation()
    deployed.cloud.s3.delete_object(Bucket=deployed.bucket, Key="lake/packs/current")
    configuration = tmp_path / "immuta-watch.yml"
    configuration.write_text("notify: {storm: 3}\n")
    publish(deployed.lake, deployed.cloud.environment, "--config", configuration, "--by", "mallory")
    deployed.function.kill()  # a new process knows nothing of before
    deployed.next_invocation()
    deployed.next_invocation()
    (notice,) = deployed.notices
    assert notice["rule_name"] == "pack_changed" and "mallory" in json.dumps(notice)
    assert deployed.told_by_slack() == deployed.told_by_topic() == [(notice["id"], False)]


def test_a_process_that_knows_a_pack_goes_on_with_it_where_what_is_in_force_is_damaged(deployed):
    deployed.next_invocation()
    deployed.cloud.put(deployed.bucket, "lake/packs/current", b"{")
    deployed.upload("events.ndjson", deletions("ann"))
    (batch,) = deployed.run()
    assert batch.failed == [] and len(deployed.told_by_slack()) == 1
    (line,) = deployed.lines("What is in force cannot be read.")
    assert line["PacksUnreadable"] == 1 and "damaged" in line["reason"]


def test_a_new_version_that_is_gone_is_told_by_a_notice_and_an_empty_one_is_committed(deployed):
    address = deployed.upload("events.ndjson", deletions("ann"))
    deployed.run()
    deployed.upload("events.ndjson", b"")
    deployed.run()
    manifest = deployed.manifests[address]
    assert manifest["bytes"] == manifest["counts"]["read"] == 0 and manifest["files"] == []
    deployed.upload("events.ndjson", deletions("ann", "bob"))
    deployed.cloud.s3.delete_object(Bucket=deployed.bucket, Key="exports/events.ndjson")
    (batch,) = deployed.run()
    assert batch.failed == []
    (notice,) = deployed.notices
    assert notice["rule_name"] == "export_gone" and address in json.dumps(notice)


def test_a_record_that_nobody_can_read_does_not_keep_the_others_of_its_message_back(deployed):
    deployed.upload("events.ndjson", deletions("ann"))
    ((body),) = deployed.cloud.bodies(deployed.queue)
    records = json.loads(body)["Records"]
    bad = json.loads(json.dumps(records[0]))
    bad["s3"]["object"]["key"] = "%FF"
    message = deployed.cloud.send(deployed.queue, {"Records": [bad, *records]})
    batch = deployed.source.run_once()
    assert batch.failed == [message] and len(deployed.manifests) == 1 and len(deployed.told_by_slack()) == 1
    (line,) = deployed.lines("Message not understood.")
    assert "%FF" in line["reason"]


def test_entries_that_cannot_be_delivered_do_not_stand_before_all_others(deployed, slack):
    for number in range(25):
        deployed.cloud.put(deployed.bucket, f"lake/outbox/{number:032x}-{number:032x}.json", b"{")
    slack.script(slacks.rate_limited(1))
    deployed.upload("events.ndjson", deletions("ann"))
    deployed.run()
    assert deployed.told_by_slack() == []
    for _ in range(30):
        deployed.time_passes()
        deployed.next_invocation()
        if deployed.told_by_slack():
            break
    assert len(deployed.told_by_slack()) == 1
