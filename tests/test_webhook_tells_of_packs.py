"""The function `webhook` tells of another pack or configuration by itself, and whoever waits for its answer is not kept."""

import json
import time

import pytest

from binary import publish
from slack import NEVER
from webhooks import BY_DAY, Webhooks, permission


@pytest.fixture
def webhooks(cloud, slack, tmp_path):
    with Webhooks(cloud, slack, tmp_path) as webhooks:
        yield webhooks


def flip(webhooks, folder, by="carol") -> None:
    """Somebody puts another configuration in force."""
    path = folder / "other.yml"
    path.write_text(json.dumps({"calendars": {"office": BY_DAY}, "default_calendar": "office", "notify": {"storm": 999}}))
    publish(webhooks.lake, webhooks.cloud.environment, "--config", path, "--by", by)


def notices(webhooks) -> list:
    return [json.loads(text) for name, text in webhooks.files("notices").items() if "/date=" in name]


def test_whoever_put_another_pack_in_force_is_told_of_once_where_no_other_function_runs(webhooks, tmp_path):
    assert webhooks.post("permissionsUpdated", permission("USER_ADMIN")) == 200
    assert notices(webhooks) == [] and len(webhooks.told) == 1
    flip(webhooks, tmp_path)
    # For the dashboard alone: what is told is told of the flip.
    for name in ("CREATE_PROJECT", "CREATE_FILTER"):
        assert webhooks.post("permissionsUpdated", permission(name)) == 200
    (notice,) = notices(webhooks)
    assert notice["rule_name"] == "pack_changed" and "carol" in json.dumps(notice)
    assert webhooks.told[1:] == [notice["id"]]
    assert webhooks.files("outbox") == {} and len(webhooks.decisions) == 3
    webhooks.function.kill()  # a new process knows nothing of before
    assert webhooks.post("permissionsUpdated", permission("CREATE_S3_DATASOURCE")) == 200
    assert webhooks.told[1:] == [notice["id"]]


def test_a_slack_that_never_answers_keeps_neither_the_answer_nor_the_decision_and_the_flip_stays_to_be_told(
    webhooks, tmp_path
):
    assert webhooks.post("permissionsUpdated", permission("CREATE_PROJECT")) == 200
    flip(webhooks, tmp_path)
    webhooks.slack.answer_with = NEVER
    begun = time.monotonic()
    assert webhooks.post("permissionsUpdated", permission("CREATE_FILTER")) == 200
    assert time.monotonic() - begun < 7
    assert len(webhooks.decisions) == 2 and len(webhooks.lines("Notification decided.")) == 2
    (entry,) = webhooks.files("outbox")
    assert "/notice-" in entry


def test_a_lake_that_takes_no_notice_of_it_is_asked_again_with_the_next_notification(webhooks, tmp_path):
    assert webhooks.post("permissionsUpdated", permission("CREATE_PROJECT")) == 200
    flip(webhooks, tmp_path)
    webhooks.cloud.server.on_call = lambda call: 500 if call.method == "PUT" and "/outbox/notice-" in call.path else None
    assert webhooks.post("permissionsUpdated", permission("CREATE_FILTER")) == 200
    webhooks.cloud.server.on_call = None
    assert webhooks.lines("Notice failed.") and webhooks.told == []
    assert len(webhooks.lines("Notification decided.")) == 2
    assert webhooks.post("permissionsUpdated", permission("CREATE_S3_DATASOURCE")) == 200
    assert len(webhooks.told) == 1 and len(notices(webhooks)) == 1
