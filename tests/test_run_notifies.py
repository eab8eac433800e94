"""`run --notify`: the outbox is filled at the commit and delivered at once; without it nobody is told."""

import json

import pytest

from binary import FAILED, LOOK_NEEDED
from on_cloud import program_on, put_all


@pytest.fixture
def program(cloud):
    return program_on(cloud)


@pytest.fixture
def topic(cloud):
    return cloud.topic()


@pytest.fixture
def configuration(small_tenant, topic, tmp_path):
    """The small tenant's, with a topic that is told of alerts of any age, one by one."""
    text = small_tenant.configuration.read_text()
    assert "\nnotify:" not in text
    notify = {"max_age": "3650d", "storm": 1000, "destinations": {"on-call": {"sns": {"topic": topic.arn}}}}
    # Beside the original, since it names other files.
    path = small_tenant.configuration.parent / f"{tmp_path.name}.yml"
    path.write_text(f"{text}\nnotify: {json.dumps(notify)}\n")
    yield path
    path.unlink()


def run(program, exports, lake, configuration, *more, **options):
    return program("run", exports, "--lake", lake, "--config", configuration, "--json", *more, **options).json


def alerts_told(cloud, topic) -> list:
    return sorted(json.loads(sent.body)["alert"] for sent in cloud.sent(topic.inbox))


@pytest.mark.parametrize("where", ["folder", "s3"])
def test_every_alert_that_notifies_is_told_once(cloud, program, small_tenant, topic, configuration, tmp_path, where):
    exports, lake = small_tenant.exports, tmp_path / "lake"
    if where == "s3":
        exports, lake = put_all(cloud, small_tenant, cloud.bucket("audit")), f"s3://{cloud.bucket()}/lake"
    told = run(program, exports, lake, configuration, "--notify")["told"]
    alerts = program("alerts", "--lake", lake, "--notify", "--limit", 0, "--json").json_lines
    assert alerts, "the tenant has nothing to tell of"
    assert told["error"] is None
    assert told["messages"] == {"sent": len(alerts), "possibly_repeated": 0, "rejected": 0, "pending": 0, "folded": 0}
    messages = [json.loads(sent.body) for sent in cloud.sent(topic.inbox)]
    assert sorted(message["alert"] for message in messages) == sorted(alert["id"] for alert in alerts)
    # Whoever reads it is somewhere else: the lake is named in full.
    assert all(message["look"].endswith(f"--lake {lake}") for message in messages)
    again = run(program, exports, lake, configuration, "--notify", "--again")["told"]["messages"]
    assert (again["sent"], again["pending"]) == (0, 0)
    assert cloud.sent(topic.inbox) == []


def test_without_it_nobody_is_told_and_nothing_waits(cloud, program, small_tenant, topic, configuration, tmp_path):
    lake = tmp_path / "lake"
    assert run(program, small_tenant.exports, lake, configuration)["told"] is None
    assert not (lake / "outbox").exists() and not (lake / "deliveries").exists()
    run(program, small_tenant.exports, lake, configuration, "--notify")
    assert cloud.sent(topic.inbox) == [], "what is committed already is no news"


def test_what_could_not_be_delivered_is_said_and_goes_out_with_the_next_run(
    cloud, program, small_tenant, topic, configuration, tmp_path
):
    lake = tmp_path / "lake"
    cloud.server.on_call = lambda call: 503 if call.path == "/" else None
    ran = program(
        "run", small_tenant.exports, "--lake", lake, "--config", configuration, "--notify", expect=LOOK_NEEDED
    )
    assert "Told: 0 messages sent" in ran.out and "pending (run again with --notify" in ran.out
    assert program("verify", "--lake", lake, "--exports", small_tenant.exports, "--json").json["whole"]
    cloud.server.on_call = None
    for path in (lake / "deliveries").rglob("*.json"):
        # As if the time until the next attempt had passed.
        path.unlink()
    ran = program("run", small_tenant.exports, "--lake", lake, "--config", configuration, "--notify")
    alerts = program("alerts", "--lake", lake, "--notify", "--limit", 0, "--json").json_lines
    assert f"Told: {len(alerts)} message" in ran.out
    assert alerts_told(cloud, topic) == sorted(alert["id"] for alert in alerts)


def test_without_a_destination_it_is_refused_before_anything_is_done(program, small_tenant, tmp_path):
    lake = tmp_path / "lake"
    for options in ([], ["--config", small_tenant.configuration]):
        err = program("run", small_tenant.exports, "--lake", lake, "--notify", *options, expect=FAILED).err
        assert "nobody to tell" in err and "notify.destinations" in err
    assert not lake.exists()
