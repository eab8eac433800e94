"""`immuta-watch doctor`: a healthy deployment is well in every respect, and each fault is found, with what to do about it."""

import json
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from binary import DONE, LOOK_NEEDED, WRONG_ARGUMENTS, immuta_watch
from deployment import deletions, slack_message
from installation import EXPORTS, Installation
from slack import NO_SERVICE
from webhooks import BY_DAY


@pytest.fixture
def healthy(cloud, slack, tmp_path):
    return Installation(cloud, slack, tmp_path)


def test_a_healthy_deployment_is_well_in_every_respect_and_nothing_of_the_look_stays(healthy):
    before = healthy.cloud.objects(healthy.bucket)
    found = healthy.doctor()
    assert {each["verdict"] for each in found.values()} == {"ok"}, found
    assert set(found) >= {
        ("lake", "list"), ("lake", "write and read"), ("lake", "conditional writes"), ("lake", "remove"),
        ("exports", "list"), ("exports", "read"), ("exports", "age"), ("exports", "in the lake"),
        ("pack", "in force"), ("pack", "rules"),
        ("configuration", "calendar office"), ("configuration", "lists"),
        ("destinations", "destination on-call"), ("destinations", "destination alerts"),
        ("destinations", "destination tickets"), ("destinations", "routes"),
        ("webhooks", "secret"), ("webhooks", "last one"), ("outbox", "waiting"), ("outbox", "refused"),
    }  # fmt: skip
    assert "by carol" in found["pack", "in force"]["found"]
    assert "usually come within 2 hours" in found["exports", "age"]["found"]
    assert f"ok all of {len(found)} checks" in healthy.said and "--send" in healthy.said
    assert healthy.cloud.objects(healthy.bucket) == before
    assert healthy.slack.requests == [] and healthy.cloud.sent(healthy.topic.inbox) == []


def test_a_test_message_reaches_each_destination_and_says_that_it_is_one(healthy):
    healthy.doctor("--send")  # twice: as JSON, and for people
    # Slack, and the webhook that stands on the same server.
    bodies = [body for body in healthy.slack.messages if "blocks" in json.dumps(body)]
    assert len(bodies) == 2 and len(healthy.slack.messages) == 4
    for body in bodies:
        named, marked = slack_message(body)
        assert named.startswith("test-") and not marked
        assert "nothing is wrong" in json.dumps(body) and "Test:" in json.dumps(body)
    sent = healthy.cloud.sent(healthy.topic.inbox)
    assert len(sent) == 2 and all(json.loads(each.body)["id"].startswith("test-") for each in sent)
    assert "sent by" in sent[0].body
    # It is no alert: nobody finds a record of it in the lake.
    assert healthy.cloud.keys(healthy.bucket, "lake/deliveries/") == []


def test_no_bucket(healthy):
    healthy.lake = f"s3://no-such-bucket-{healthy.cloud.mark}/lake"
    found = healthy.not_well(expect=LOOK_NEEDED)
    verdict, what, to_do = found["lake", "list"]
    assert verdict == "failed" and "there is no bucket no-such-bucket" in what and to_do
    assert found["lake", "the rest"][0] == "warning"
    # What does not lie in it is looked at all the same.
    assert f"Exports {healthy.exports}" in healthy.said and f"{EXPORTS} exports" in healthy.said
    assert "Begin with: Lake, list: there is no bucket" in healthy.said


@pytest.mark.parametrize(
    "method, about, permission",
    [("PUT", "write", "s3:PutObject"), ("DELETE", "remove", "s3:DeleteObject"), ("GET", "write and read", "s3:GetObject")],
)
def test_denied(healthy, method, about, permission):
    healthy.refuse(lambda call: call.method == method and "/doctor/" in call.path)
    found = healthy.not_well(expect=LOOK_NEEDED)
    verdict, what, to_do = found["lake", about]
    assert verdict == "failed" and "access denied" in what and permission in to_do
    if method == "DELETE":
        assert "Then remove doctor/" in to_do


def test_a_lake_that_may_not_be_listed(healthy):
    healthy.refuse(lambda call: call.method == "GET" and call.path.strip("/") == healthy.bucket)
    found = healthy.not_well(expect=LOOK_NEEDED)
    assert "s3:ListBucket" in found["lake", "list"][1] and "s3:ListBucket" in found["exports", "list"][1]
    assert found["lake", "the rest"][0] == "warning"


def test_exports_that_may_not_be_read(healthy):
    healthy.refuse(lambda call: call.method == "GET" and "/exports/" in call.path)
    verdict, what, to_do = healthy.not_well(expect=LOOK_NEEDED)["exports", "read"]
    assert verdict == "failed" and "access denied" in what and "s3:GetObject" in to_do


def test_a_secret_that_is_missing_or_malformed(healthy):
    cloud = healthy.cloud
    cloud.secretsmanager.put_secret_value(SecretId=healthy.slack_secret, SecretString="hush, this is no URL")
    cloud.secretsmanager.put_secret_value(SecretId=healthy.webhook_secret, SecretString='{"key": "hush"}')
    cloud.ssm.delete_parameter(Name=healthy.key)
    found = healthy.not_well(expect=LOOK_NEEDED)
    assert {key: each[0] for key, each in found.items()} == {
        ("destinations", "destination on-call"): "failed",
        ("destinations", "destination tickets"): "failed",
        ("webhooks", "secret"): "failed",
    }
    assert "no URL of an incoming webhook" in found["destinations", "destination on-call"][1]
    assert "ParameterNotFound" in found["destinations", "destination tickets"][1]
    assert "hush" not in healthy.said
    assert "Begin with: Destinations, destination on-call:" in healthy.said


def test_a_secret_on_the_command_line_is_not_repeated(healthy):
    found = healthy.not_well("--webhook-secret-from", "hush-hush", expect=LOOK_NEEDED)
    assert "no place of a secret" in found["webhooks", "secret"][1] and "hush" not in healthy.said


def test_a_topic_that_is_gone_is_a_failure_and_one_that_may_not_be_asked_about_is_not(healthy):
    healthy.refuse(lambda call: call.path == "/" and not call.target and "sns" in call.headers.get("authorization", ""))
    verdict, what, _ = healthy.not_well(expect=None)["destinations", "destination alerts"]
    assert "SNS topic" in what
    healthy.cloud.server.on_call = None
    healthy.cloud.sns.delete_topic(TopicArn=healthy.topic.arn)
    verdict, what, to_do = healthy.not_well(expect=LOOK_NEEDED)["destinations", "destination alerts"]
    assert verdict == "failed" and "Make the topic" in to_do


def test_a_slack_that_knows_no_such_channel_is_found_by_sending(healthy):
    healthy.slack.answer_with = lambda request: NO_SERVICE
    assert healthy.not_well() == {}
    found = healthy.not_well("--send", expect=LOOK_NEEDED)
    verdict, what, _ = found["destinations", "message to on-call"]
    assert verdict == "failed" and "404" in what and "no_service" in what
    assert ("destinations", "message to alerts") not in found, "the others got theirs"


def test_exports_that_no_longer_come(healthy):
    for key in healthy.cloud.keys(healthy.bucket, "exports/"):
        number = int(Path(key).stem)
        healthy.cloud.set_age(healthy.bucket, key, timedelta(days=2, hours=EXPORTS - number))
    verdict, what, to_do = healthy.not_well()["exports", "age"]
    assert verdict == "warning" and "2 days ago" in what and "Immuta" in to_do
    for key in healthy.cloud.keys(healthy.bucket, "exports/"):
        healthy.cloud.set_age(healthy.bucket, key, timedelta(days=9, hours=EXPORTS - int(Path(key).stem)))
    assert healthy.not_well(expect=LOOK_NEEDED)["exports", "age"][0] == "failed"


def test_an_export_that_is_not_in_the_lake_as_it_is(healthy):
    healthy.cloud.put(healthy.bucket, "exports/zoe.ndjson", deletions("zoe"))
    assert healthy.not_well() == {}, "it may be under way"
    healthy.cloud.set_age(healthy.bucket, "exports/zoe.ndjson", timedelta(minutes=20))
    verdict, what, to_do = healthy.not_well(expect=LOOK_NEEDED)["exports", "in the lake"]
    assert verdict == "failed" and "exports/zoe.ndjson is not in the lake" in what and "backfill" in to_do


def test_a_prefix_without_exports(healthy):
    healthy.exports = f"s3://{healthy.bucket}/elsewhere"
    assert "there is no export below" in healthy.not_well(expect=LOOK_NEEDED)["exports", "list"][1]


def test_no_pack_in_force(healthy):
    healthy.cloud.s3.delete_object(Bucket=healthy.bucket, Key="lake/packs/current")
    found = healthy.not_well(expect=LOOK_NEEDED)
    verdict, what, to_do = found["pack", "in force"]
    assert verdict == "failed" and "nothing was published" in what and f"publish --lake {healthy.lake}" in to_do


def test_a_damaged_pack_in_force(healthy):
    (key,) = [key for key in healthy.cloud.keys(healthy.bucket, "lake/packs/") if key.endswith("bundle.json")]
    healthy.cloud.put(healthy.bucket, key, healthy.cloud.get(healthy.bucket, key)[:-9])
    assert "is damaged" in healthy.not_well(expect=LOOK_NEEDED)["pack", "rules"][1]


def test_a_calendar_whose_holidays_have_run_out_and_lists_and_routes_that_are_of_no_use(healthy):
    healthy.publish(
        calendars={"office": {**BY_DAY, "holidays": ["2020-12-25"]}},
        lists={"new_tags": {"replace": []}},
        notify={"destinations": {"a": {"sns": {"topic": healthy.topic.arn}}}, "routes": [{"to": ["a"], "level": "critical"}]},
    )
    found = healthy.not_well()
    assert {each[0] for each in found.values()} == {"warning"}, "warnings are no failure"
    assert "its last holiday was 2020-12-25" in found["configuration", "calendar office"][1]
    assert "it is empty" in found["configuration", "list new_tags"][1]
    assert "reach nobody" in found["destinations", "level high"][1]
    assert ("destinations", "notices") in found


def test_a_configuration_file_is_looked_at_before_it_is_published(healthy):
    path = healthy.folder / "next.yml"
    path.write_text("calendars: {here: {zone: UTC, holidays: [2020-01-01]}}\ndefault_calendar: here\n")
    found = healthy.not_well("--config", path)
    assert ("configuration", "calendar here") in found
    assert found["destinations", "destinations"][0] == "warning"
    path.write_text("calender: {}\n")
    assert "calender" in healthy.not_well("--config", path, expect=LOOK_NEEDED)["configuration", "--config"][1]


def test_the_destinations_of_the_template_are_looked_at_where_they_are_named(healthy):
    healthy.publish(notify={"routes": [{"to": ["slack"], "level": "high"}, {"to": ["topic"]}]})
    found = healthy.not_well()
    assert found["destinations", "destinations"][0] == "warning"
    template = {"IMMUTA_WATCH_TOPIC": healthy.topic.arn, "IMMUTA_WATCH_SLACK_URL_FROM": f"secretsmanager:{healthy.slack_secret}"}
    found = healthy.doctor(**template)
    assert {each["verdict"] for each in found.values()} == {"ok"}
    assert ("destinations", "destination slack") in found and ("destinations", "destination topic") in found


def test_what_waits_and_what_was_refused_is_counted(healthy):
    cloud, bucket = healthy.cloud, healthy.bucket
    entry = "lake/outbox/notice-20261119-0000000000000001.json"
    cloud.put(bucket, entry, json.dumps({"commit": None, "written": "2026-11-19T00:00:00Z", "candidates": []}).encode())
    assert healthy.not_well() == {}
    cloud.set_age(bucket, entry, timedelta(hours=3))
    assert "oldest since 3 hours" in healthy.not_well()["outbox", "waiting"][1]


def test_what_is_damaged_and_holds_up_telling_is_named(healthy):
    healthy.cloud.put(healthy.bucket, "lake/outbox/notice-20261119-0000000000000001.json", b"{")
    found = healthy.not_well(expect=LOOK_NEEDED)
    assert found["outbox", "entries"][0] == "failed" and "20261119-0000000000000001.json is damaged" in found["outbox", "entries"][1]


def test_endpoints_that_are_dead_are_said_and_waited_for_a_while_only(healthy):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    found = healthy.not_well(expect=LOOK_NEEDED, AWS_ENDPOINT_URL=dead)
    assert "no connection" in found["lake", "list"][1] and "no connection" in found["exports", "list"][1]
    found = healthy.not_well(expect=LOOK_NEEDED, AWS_ENDPOINT_URL_SECRETS_MANAGER=dead, AWS_ENDPOINT_URL_SNS=dead)
    assert {about for area, about in found} == {"destination on-call", "destination alerts", "secret"}


def test_an_endpoint_that_never_answers_is_waited_for_ten_seconds(healthy):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silence = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = healthy.not_well(expect=LOOK_NEEDED, AWS_ENDPOINT_URL_SNS=silence, AWS_ENDPOINT_URL_SSM=silence)
    assert {about for area, about in found} == {"destination tickets", "destination alerts"}


def test_a_lake_in_a_folder_needs_no_cloud(tmp_path, small_tenant):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    lake = tmp_path / "lake"
    assert "there is no lake" in immuta_watch("doctor", "--lake", lake, env=environment, expect=LOOK_NEEDED).out
    assert not lake.exists()
    immuta_watch("run", small_tenant.exports, "--lake", lake)
    found = immuta_watch("doctor", "--lake", lake, "--json", env=environment).json
    assert found["verdict"] == "warning", "nobody is told of anything"
    assert {each["about"] for each in found["findings"] if each["verdict"] != "ok"} == {"destinations"}
    # What a look that died may leave is no stray file.
    (lake / "doctor").mkdir(exist_ok=True)
    (lake / "doctor" / "00000000000000000000000000000000.json").write_text("{}")
    immuta_watch("verify", "--lake", lake, "--exports", small_tenant.exports, expect=DONE)
    immuta_watch("publish", "--lake", lake, "--config", small_tenant.configuration, "--by", "carol")
    said = immuta_watch("doctor", "--lake", lake, env=environment).out
    assert "by carol" in said and "Begin with: " in said


def test_wrong_arguments_and_help():
    assert "--lake" in immuta_watch("doctor", expect=WRONG_ARGUMENTS).err
    said = immuta_watch("doctor", "--help").out
    for word in ("--send", "--exports", "--webhook-secret-from", "Exit codes", "1 something failed"):
        assert word in said, word
