"""The harness itself: a Lambda that times out, crashes and redelivers as Lambda does, and moto."""

import concurrent.futures
import hashlib
import http.client
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from aws import LOST
from event_source import EventSource, Refused, failures, sqs_event
from lambda_runtime import Function, InvocationFailed, TimedOut
from notifications import FIXTURES, NAMED, notification, shape

TOY = [sys.executable, "-I", "-S", str(Path(__file__).with_name("toy_function.py"))]


@pytest.fixture
def toy():
    with Function(TOY) as function:
        yield function


def test_an_answer_comes_back_and_the_process_is_kept(toy):
    first, second = toy.invoke({"number": 1}), toy.invoke({"number": 2, "print": '{"level":"info"}'})
    assert (first["number"], second["number"]) == (1, 2)
    assert first["pid"] == second["pid"] and toy.cold_starts == 1
    assert first["arn"] == toy.arn and 50 < first["left"] <= 60
    assert toy.logs == ['{"level":"info"}'] and toy.log_lines == [{"level": "info"}]
    assert 0 < toy.environments[0].init_seconds < 30
    if sys.platform == "linux":
        assert 1 < toy.peak_mb < 100


def test_an_error_fails_its_invocation_alone(toy):
    with pytest.raises(InvocationFailed) as failed:
        toy.invoke({"raise": "no"})
    assert (failed.value.error_type, failed.value.message) == ("ValueError", "no")
    assert toy.invoke({}) and toy.cold_starts == 1


def test_a_process_that_outlasts_the_time_out_is_killed_and_replaced(toy):
    first = toy.start()
    with pytest.raises(TimedOut, match="Task timed out after 0.20 seconds"):
        toy.invoke({"hang": True, "print": "hanging"}, timeout_s=0.2)
    assert first.process.returncode == -9
    assert toy.invoke({}) and toy.cold_starts == 2


def test_a_process_that_ends_fails_its_invocation_and_is_replaced(toy):
    with pytest.raises(InvocationFailed, match="last words") as failed:
        toy.invoke({"print": "last words", "exit": 3})
    assert failed.value.message == "Runtime exited: exit status 3"
    assert toy.invoke({}) and toy.cold_starts == 2


def test_an_error_in_the_start_fails_the_invocation():
    with Function(TOY, {"INIT_ERROR": "no lake"}) as function:
        with pytest.raises(InvocationFailed, match="BadConfiguration: no lake"):
            function.invoke({})


def test_a_kill_at_a_line_of_the_log_fails_the_invocation(toy):
    toy.on_log = lambda line: toy.kill_soon() if line == "now" else None
    with pytest.raises(InvocationFailed, match="signal: 9"):
        toy.invoke({"print": "now", "hang": True})
    toy.on_log = None
    assert toy.invoke({})
    assert toy.kill() == 1 and toy.invoke({}) and toy.cold_starts == 3


def test_concurrent_invocations_have_a_process_each_up_to_the_limit():
    with Function(TOY, concurrency=3) as function, concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: function.invoke({"number": number}), range(12)))
        assert [answer["number"] for answer in answers] == list(range(12))
        assert len({answer["pid"] for answer in answers}) == function.cold_starts <= 3


def test_what_succeeded_is_deleted_and_what_fails_for_good_reaches_the_dead_letter_queue(cloud, toy):
    queue = cloud.queue(max_receives=3)
    ids = {body: cloud.send(queue, body) for body in ("good", "bad", "fine")}
    source = EventSource(cloud.sqs, queue, toy)
    batches = source.run_until_quiet()
    assert sorted(batches[0].messages) == sorted(ids.values())
    assert [batch.failed for batch in batches] == [[ids["bad"]]] * 3
    assert cloud.bodies(queue.dead_letters) == ["bad"]
    assert cloud.bodies(queue) == []


def test_a_failed_invocation_redelivers_its_whole_batch(cloud):
    queue = cloud.queue()
    for body in ("one", "two"):
        cloud.send(queue, body)
    with Function([*TOY], {"INIT_ERROR": "not yet"}) as function:
        source = EventSource(cloud.sqs, queue, function, redeliver_at_once=False)
        (batch,) = source.run_until_quiet()
        assert len(batch.failed) == 2 and batch.error.message == "not yet"
    assert source.run_until_quiet() == []
    assert source.redeliver() == 2
    with Function(TOY, concurrency=2) as function:
        source = EventSource(cloud.sqs, queue, function, batch_size=1, concurrency=2)
        assert [batch.failed for batch in source.run_until_quiet()] == [[], []]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_that_names_nobody_is_success(answer):
    assert failures(answer, ["a"]) == []


@pytest.mark.parametrize("item", [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"id": "a"}, "a"])
def test_an_identifier_that_is_none_fails_the_whole_batch(item):
    with pytest.raises(Refused):
        failures({"batchItemFailures": [item]}, ["a"])
    assert failures({"batchItemFailures": [{"itemIdentifier": "b"}]}, ["a", "b"]) == ["b"]


def test_only_one_of_many_conditional_writers_wins(cloud):
    bucket = cloud.bucket()

    def write(key, number):
        try:
            cloud.put(bucket, key, b"%d" % number, IfNoneMatch="*")
        except cloud.s3.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412
            return 0
        return 1

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for key in range(10):
            assert sum(pool.map(write, [str(key)] * 8, range(8))) == 1
    assert len(cloud.objects(bucket)) == 10


def test_the_server_fails_at_will_for_programs_and_never_for_the_tests(cloud, aws_server):
    bucket = cloud.bucket()

    def put(key):
        request = urllib.request.Request(f"{aws_server.url}/{bucket}/{key}", b"content", method="PUT")
        return urllib.request.urlopen(request).status

    aws_server.on_call = lambda call: {f"/{bucket}/a": 503, f"/{bucket}/b": LOST}.get(call.path)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        put("a")
    with pytest.raises((http.client.HTTPException, OSError)):
        put("b")
    assert put("c") == 200
    cloud.put(bucket, "a-of-the-test", b"")
    assert cloud.keys(bucket) == ["a-of-the-test", "b", "c"]
    assert [call.path for call in aws_server.calls] == [f"/{bucket}/{key}" for key in "abc"]


def test_a_topic_is_read_wrapped_and_raw(cloud):
    topic, raw = cloud.topic(), cloud.queue("raw")
    cloud.subscribe(topic.arn, raw, raw=True)
    deaf = cloud.queue("deaf")
    cloud.subscribe(topic.arn, deaf, filter_policy={"level": ["critical"]})
    attributes = {"level": {"DataType": "String", "StringValue": "high"}}
    cloud.sns.publish(TopicArn=topic.arn, Subject="An alert", Message="Ada", MessageAttributes=attributes)
    (wrapped,), (bare,) = cloud.sent(topic.inbox), cloud.sent(raw)
    assert wrapped == ("Ada", "An alert", {"level": "high"})
    assert bare == ("Ada", None, {"level": "high"})
    assert cloud.sent(deaf) == []


def test_secrets_and_parameters_are_kept(cloud):
    assert cloud.secretsmanager.get_secret_value(SecretId=cloud.secret("s"))["SecretString"] == "s"
    found = cloud.ssm.get_parameter(Name=cloud.parameter("p"), WithDecryption=True)["Parameter"]
    assert (found["Value"], found["Type"]) == ("p", "SecureString")


ODD_KEY = "a/b=c:d/e f+g é.ndjson"


@pytest.mark.parametrize("way", ["notify_queue", "notify_topic", "notify_topic_raw", "notify_event_bus"])
def test_uploads_are_told_in_the_form_of_the_fixtures(cloud, way):
    bucket, queue = cloud.bucket(), cloud.queue()
    if way == "notify_topic_raw":
        cloud.notify_topic(bucket, queue, raw=True)
    else:
        getattr(cloud, way)(bucket, queue)
    tests = [json.loads(body) for body in cloud.bodies(queue)]
    cloud.put(bucket, ODD_KEY, b"content")
    (body,) = cloud.bodies(queue)
    wrapped = {"notify_topic": "s3_in_sns_in_sqs", "notify_event_bus": "eventbridge_in_sqs"}.get(way, "s3_in_sqs")
    # moto leaves out fields that S3 has, and adds none but these.
    assert _without(_unknown(shape(json.loads(body)), shape(json.loads(notification(wrapped)["Records"][0]["body"])))) == []
    assert len(tests) == (way != "notify_event_bus")
    assert all("s3:TestEvent" in json.dumps(test) for test in tests)


def _unknown(told, known, path="") -> list:
    """The paths of what is told and not known."""
    if isinstance(told, list):
        return _unknown(told[0], known[0], path + "[]") if told else []
    if not isinstance(told, dict):
        return []
    return [
        missing
        for key, value in told.items()
        for missing in (_unknown(value, known[key], f"{path}.{key}") if key in known else [f"{path}.{key}"])
    ]


def _without(paths: list) -> list:
    # moto writes `eTag` where EventBridge has `etag`, and a version in buckets without versions.
    return [path for path in paths if path not in (".detail.object.eTag", ".detail.object.version-id")]


def test_every_fixture_is_listed_with_the_objects_that_it_names():
    assert sorted(NAMED) == sorted(path.stem for path in (FIXTURES / "notifications").glob("*.json"))
    for name in NAMED:
        for message in notification(name).get("Records", []):
            if "md5OfBody" in message:
                assert message["md5OfBody"] == hashlib.md5(message["body"].encode()).hexdigest(), name


def test_an_event_of_our_own_has_the_form_of_the_fixtures():
    ours, theirs = sqs_event({"Records": []})["Records"][0], notification("s3_in_sqs")["Records"][0]
    assert ours.keys() == theirs.keys()
