"""`backfill`: exports that lie in S3 already, into the queue that the function reads."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from urllib.parse import unquote_plus

import pytest

from aws import CUT, LOST, Cloud
from binary import BINARY, FAILED, WRONG_ARGUMENTS
from on_cloud import bucket_of, program_on, put_all

# Every character that means something in a URL, a form, a path or a shell, and some that are not ASCII.
ODD = ["plain", "a b", "a+b", "a=b", "a:b", "a%20b", "a&b?c#d", "ü–日本", "a'\"b", "a*b~c!d(e)", "(1),[2]{3}", "$x;@y|z^`"]

# What a test has written just now is fed, too.
ALL = ("--until", "2100-01-01")


@pytest.fixture
def program(cloud, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the state file lies unless it is named
    return program_on(cloud)


@pytest.fixture
def pages_of_seven(monkeypatch):
    """The server lists seven objects a page, as S3 lists a thousand."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "7")


@pytest.fixture(scope="module")
def many(aws_server) -> str:
    """A bucket of 240 small exports with odd keys, and a marker of a folder. Not to be changed."""
    cloud = Cloud(aws_server)
    bucket = cloud.bucket("audit")
    cloud.put(bucket, "audit/", b"")
    for number in range(240):
        cloud.put(bucket, f"audit/year=2026/{ODD[number % len(ODD)]}/{number:03}.json", b"{}\n")
    return bucket


def fed(cloud, queue) -> list:
    """What was fed: (key, whether to announce) of each message."""
    found = []
    for body in cloud.bodies(queue):
        message = json.loads(body)
        [record] = message["Records"]
        assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
        found.append((unquote_plus(record["s3"]["object"]["key"]), message["immutaWatch"]["announce"]))
    return found


def exports_in(cloud, bucket) -> list:
    return [key for key in cloud.keys(bucket) if not key.endswith("/")]


def batches_of(server) -> list:
    return [call for call in server.calls if call.target.endswith("SendMessageBatch")]


def test_every_export_is_fed_once_and_silently(cloud, program, many, pages_of_seven, tmp_path):
    queue = cloud.queue()
    call = ["backfill", f"s3://{many}/audit", *ALL, "--queue", queue.url, "--rate", 1000]
    said = program(*call, "--json").json
    assert (said["fed"], said["exports"], said["passed_over"]["empty"], said["finished"]) == (240, 240, 1, True)
    assert sorted(fed(cloud, queue)) == [(key, False) for key in exports_in(cloud, many)]
    assert list(tmp_path.iterdir()) == [], "a state file stands for a backfill that was stopped"
    assert "240 exports of" in program(*call, "--notify").out
    assert sorted(fed(cloud, queue)) == [(key, True) for key in exports_in(cloud, many)]


def test_the_server_lists_no_more_than_a_page_at_once(cloud, program, many, pages_of_seven):
    program("backfill", f"s3://{many}/audit", *ALL, "--dry-run")
    listings = [call for call in cloud.server.calls if call.method == "GET" and call.path.strip("/") == many]
    assert len(listings) == 35  # 241 objects


def test_a_message_is_what_s3_itself_sends(cloud, program, many):
    """Key, bucket, size and ETag stand where S3 puts them, in the same spelling."""
    told, queue = cloud.queue("told"), cloud.queue()
    bucket = cloud.bucket("by-s3")
    cloud.notify_queue(bucket, told)
    for name in ODD:
        cloud.put(bucket, f"exports/{name}.json", name.encode())
    of_s3 = [json.loads(body) for body in cloud.bodies(told)]
    of_s3 = [record for message in of_s3 for record in message.get("Records", [])]
    program("backfill", f"s3://{bucket}/exports/", *ALL, "--queue", queue.url, "--rate", 1000)
    ours = [json.loads(body)["Records"][0] for body in cloud.bodies(queue)]

    def what_counts(record):
        thing = record["s3"]["object"]
        key = unquote_plus(thing["key"])
        return record["s3"]["bucket"]["name"], key, thing["size"], thing["eTag"], record["eventName"]

    assert sorted(map(what_counts, ours)) == sorted(map(what_counts, of_s3))


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_one_that_was_killed_goes_on_where_it_was(cloud, program, many, tmp_path, kill):
    queue = cloud.queue()
    # Six seconds of work, of which two and a half are gone at the ninth batch: enough for a machine that is busy elsewhere.
    call = ["backfill", f"s3://{many}/audit", *ALL, "--queue", queue.url, "--rate", 40]
    environment = {**os.environ, **cloud.environment}
    running = subprocess.Popen(
        [BINARY, *map(str, call)], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while len(batches_of(cloud.server)) < 9 and time.monotonic() < deadline:
        time.sleep(0.005)
    running.send_signal(kill)
    running.wait(10)
    before = fed(cloud, queue)
    assert 70 <= len(before) < 240
    [state] = tmp_path.iterdir()
    assert state.name == f"backfill-{many}.json"
    went_on = program(*call, "--json").json
    assert went_on["fed_in_all"] == 240 and went_on["fed"] < 200
    times = Counter(key for key, _ in before + fed(cloud, queue))
    assert sorted(times) == exports_in(cloud, many)
    assert set(times.values()) <= {1, 2} and sum(count == 2 for count in times.values()) <= 10
    assert list(tmp_path.iterdir()) == []


def test_one_that_failed_goes_on_and_takes_no_other_ones_state(cloud, program, many, tmp_path):
    queue, state = cloud.queue(), tmp_path / "state.json"
    call = ["backfill", f"s3://{many}/audit", *ALL, "--queue", queue.url, "--rate", 1000, "--state", state]
    seen = []

    def refuse_the_third_batch(call):
        if call.target.endswith("SendMessageBatch"):
            seen.append(call)
            return 403 if len(seen) == 3 else None

    cloud.server.on_call = refuse_the_third_batch
    assert "stopped after 20 exports; the same call goes on there" in program(*call, expect=FAILED).err
    cloud.server.on_call = None
    assert program(*call, "--dry-run", "--json").json["exports"] == 220
    other = program("backfill", f"s3://{many}", *ALL, "--queue", queue.url, "--state", state, expect=FAILED)
    assert "the state of another backfill" in other.err and "name another file with --state" in other.err
    went_on = program(*call, "--json").json
    assert (went_on["fed"], went_on["fed_in_all"]) == (220, 240)
    assert sorted(key for key, _ in fed(cloud, queue)) == exports_in(cloud, many)
    assert not state.exists()


def test_nothing_that_was_fed_is_bound_to_nothing(cloud, program, many):
    """A wrong queue in the first call does not stand in the way of the right one in the second."""
    queue = cloud.queue()
    err = program("backfill", f"s3://{many}", *ALL, "--queue", queue.url + "-nowhere", expect=FAILED).err
    assert "there is none of this URL" in err
    program("backfill", f"s3://{many}", *ALL, "--queue", queue.url, "--rate", 1000)
    assert len(fed(cloud, queue)) == 240


def test_calls_that_fail_are_made_again(cloud, program, many):
    queue, faults = cloud.queue(), {}

    def disturb(call):
        """The first two of each kind of call: errors, lost answers and broken connections in turn."""
        kind = (call.method, call.target)
        faults[kind] = faults.get(kind, 0) + 1
        return {1: 503, 2: CUT, 5: LOST, 9: 500}.get(faults[kind])

    cloud.server.on_call = disturb
    program("backfill", f"s3://{many}/audit", *ALL, "--queue", queue.url, "--rate", 1000)
    cloud.server.on_call = None
    times = Counter(key for key, _ in fed(cloud, queue))
    assert sorted(times) == exports_in(cloud, many)
    assert sum(count > 1 for count in times.values()) <= 10, "a lost answer repeats one batch"


def test_it_keeps_to_its_rate(cloud, program, many):
    queue = cloud.queue()
    program("backfill", f"s3://{many}/audit", *ALL, "--queue", queue.url, "--rate", 20, "--limit", 35)
    sent = [int(message["Attributes"]["SentTimestamp"]) for message in cloud.take_all(queue)]
    assert len(sent) == 35
    # Batches of 10, 10, 10 and 5, each half a second after the one before.
    assert max(sent) - min(sent) >= 1500


def test_a_limit_stops_it_and_the_same_call_takes_the_next_ones(cloud, program, many, pages_of_seven, tmp_path):
    queue = cloud.queue()
    call = ["backfill", f"s3://{many}/audit", *ALL, "--queue", queue.url, "--rate", 1000, "--limit", 100]
    first = program(*call)
    assert "100 exports of" in first.out and "--limit stopped it" in first.out
    second, third = program(*call, "--json").json, program(*call, "--json").json
    assert [second["fed"], second["finished"], third["fed"], third["finished"]] == [100, False, 40, True]
    assert sorted(key for key, _ in fed(cloud, queue)) == exports_in(cloud, many)
    assert list(tmp_path.iterdir()) == []


def test_what_the_lake_has_and_what_is_outside_the_dates_is_left_out(cloud, program, small_tenant):
    exports = put_all(cloud, small_tenant, cloud.bucket("audit"))
    queue, bucket = cloud.queue(), bucket_of(exports)
    # Beside the exports, so that its own files must be told from them.
    lake = f"s3://{bucket}/exports/lake"
    program("run", exports, "--lake", lake)
    replaced = cloud.keys(bucket)[0]
    cloud.put(bucket, replaced, b"{}\n")
    dry = ["backfill", exports, "--dry-run", "--json"]
    left = program(*dry, *ALL, "--lake", lake).json
    assert (left["exports"], left["committed"]) == (1, len(small_tenant.files) - 1)
    assert left["passed_over"]["lakes_own"] == len(cloud.keys(bucket, "exports/lake/"))
    program("backfill", exports, *ALL, "--queue", queue.url, "--lake", lake, "--rate", 1000)
    assert fed(cloud, queue) == [(replaced, False)]
    just_written = program(*dry, "--lake", lake).json
    assert (just_written["exports"], just_written["just_written"]) == (0, len(small_tenant.files))
    assert program(*dry, "--notify", "--lake", lake).json["exports"] == 1
    assert program(*dry, "--lake", lake, "--since", "2100-01-01").json["outside_the_dates"] == len(small_tenant.files)
    assert program(*dry, "--lake", lake, "--until", "2100-01-01").json["exports"] == 1


def test_what_is_wrong_is_said_with_what_to_do(cloud, program, many, tmp_path):
    queue = cloud.queue()

    def said(*arguments, expect=FAILED):
        return program("backfill", *arguments, *ALL, expect=expect).err

    assert "there is no bucket nowhere-at-all" in said("s3://nowhere-at-all", "--queue", queue.url)
    assert "there is no export in s3://" in said(f"s3://{many}/adit", "--queue", queue.url)
    assert "--queue" in said(f"s3://{many}", expect=WRONG_ARGUMENTS)
    assert "aws sqs get-queue-url --queue-name exports" in said(f"s3://{many}", "--queue", "exports", expect=WRONG_ARGUMENTS)
    assert "looks like s3://bucket/prefix" in said("folder", "--queue", queue.url, expect=WRONG_ARGUMENTS)
    state = tmp_path / "nowhere" / "state.json"
    assert "name another file with --state" in said(f"s3://{many}", "--queue", queue.url, "--state", state)
    cloud.server.on_call = lambda call: 403 if call.target else None
    assert "access denied; sqs:SendMessage on it is needed" in said(f"s3://{many}", "--queue", queue.url)
    cloud.server.on_call = None
    assert fed(cloud, queue) == [] and list(tmp_path.iterdir()) == []
