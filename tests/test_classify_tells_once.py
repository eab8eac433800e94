"""The function `classify` tells nobody twice, and everybody in the end: repeats, failures, kills."""

import os
import random
import threading
from collections import Counter

import pytest

import slack as slacks
from aws import CUT, LOST
from deployment import Deployment, alerts_in, deletions, seconds_until
from lakes import differences

# Kills of the binary: so many tests, and so many in each. (Each kill takes an hour's window of its own, and older ones
# than two days are not told one by one.)
SEEDS, KILLS = 5, 10


@pytest.fixture
def deployed(cloud, slack):
    with Deployment(cloud, slack) as deployed:
        yield deployed


def both(deployed) -> tuple:
    """What Slack and the topic told, sorted."""
    return sorted(deployed.told_by_slack()), sorted(deployed.told_by_topic())


def test_the_same_message_twice_tells_nobody_twice(deployed, tmp_path):
    export = deletions("ann", "bob")
    expected = sorted((alert, False) for alert in alerts_in(tmp_path / "local", export))
    for _ in range(2):
        deployed.upload("events.ndjson", export)
        deployed.run()
    assert both(deployed) == (expected, expected)
    assert len(deployed.manifests) == 1


def test_the_same_event_in_two_exports_tells_nobody_twice(deployed, tmp_path):
    export = deletions("ann")
    expected = sorted((alert, False) for alert in alerts_in(tmp_path / "local", export))
    for name in ("one", "two"):
        deployed.upload(f"{name}.ndjson", export)
        deployed.run()
    assert both(deployed) == (expected, expected)
    assert len(deployed.manifests) == 2


def test_the_same_export_in_two_messages_at_once_tells_nobody_twice(cloud, slack, tmp_path):
    export = deletions(*(f"a{number}" for number in range(6)))
    expected = sorted((alert, False) for alert in alerts_in(tmp_path / "local", export))
    with Deployment(cloud, slack, concurrency=2, batch_size=1, hold=True) as deployed:
        for _ in range(2):
            deployed.upload("events.ndjson", export)
        # Both are at it before either reads the export.
        meet = threading.Barrier(2)

        def on_call(call):
            if call.method in ("GET", "HEAD") and "/exports/" in call.path and not meet.broken:
                try:
                    meet.wait(2)
                except threading.BrokenBarrierError:
                    pass

        cloud.server.on_call = on_call
        deployed.run()
        cloud.server.on_call = None
        assert deployed.function.cold_starts == 2
        deployed.settle()
        assert both(deployed) == (expected, expected)


FAILURES = {
    "refused": (None, False),
    "rate limited": (slacks.rate_limited(2), False),
    "server error": (slacks.SERVER_ERROR, True),
    "no answer": (slacks.NEVER, True),
    "lost answer": (slacks.LOST, True),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_slack_down_neither_delays_nor_repeats_the_topic_and_gets_it_later(deployed, slack, tmp_path, failure):
    answer, in_doubt = FAILURES[failure]
    export = deletions("ann")
    (alert,) = alerts_in(tmp_path / "local", export)
    if answer is None:
        slack.stop()
    else:
        slack.answer_with = answer
    deployed.upload("events.ndjson", export)
    (batch,) = deployed.run()
    assert batch.failed == [] and len(deployed.manifests) == 1
    assert deployed.told_by_topic() == [(alert, False)]
    assert len(deployed.outbox) == 1
    (line,) = deployed.lines("Export classified.")
    assert (line["PendingDeliveries"], line["PossiblyRepeated"]) == (1, 0)

    if answer is None:
        slack.start()
    slack.answer_with = slacks.OK
    before = deployed.told_by_slack()
    assert before == ([(alert, False)] if answer and answer.taken else [])
    # At once, Slack is left alone; and then it is not.
    deployed.next_invocation()
    assert deployed.told_by_slack() == before
    deployed.time_passes()
    deployed.next_invocation()
    assert deployed.told_by_slack() == [*before, (alert, in_doubt)]
    assert deployed.told_by_topic() == [] and deployed.outbox == []
    repeated = sum(line.get("PossiblyRepeated", 0) for line in deployed.function.log_lines)
    assert repeated == in_doubt
    deployed.time_passes()
    deployed.next_invocation()
    assert len(slack.messages) == len(before) + 1


def test_the_wait_that_slack_asks_for_is_kept(deployed, slack):
    slack.script(slacks.rate_limited(900))
    deployed.upload("events.ndjson", deletions("ann"))
    deployed.run()
    (pending,) = [
        delivery
        for book in deployed.books("slack")
        for delivery in book["alerts"].values()
        if delivery["state"] == "pending"
    ]
    assert seconds_until(pending["until"]) > 800


def test_the_topic_down_neither_delays_nor_repeats_slack_and_gets_it_later(deployed, tmp_path):
    export = deletions("ann")
    (alert,) = alerts_in(tmp_path / "local", export)
    # What goes to S3 names a path, what goes to SNS does not.
    deployed.cloud.server.on_call = lambda call: 503 if (call.method, call.path) == ("POST", "/") and not call.target else None
    deployed.upload("events.ndjson", export)
    (batch,) = deployed.run()
    deployed.cloud.server.on_call = None
    assert batch.failed == [] and both(deployed) == ([(alert, False)], [])
    deployed.settle()
    assert both(deployed) == ([(alert, False)], [(alert, False)])


def test_a_failing_lake_fails_the_message_and_leaves_no_harm(deployed, tmp_path):
    export = deletions("ann")
    (alert,) = alerts_in(tmp_path / "local", export)
    deployed.cloud.server.on_call = lambda call: 500 if call.method == "PUT" and "/lake/manifests/" in call.path else None
    deployed.upload("events.ndjson", export)
    batch = deployed.source.run_once()
    deployed.cloud.server.on_call = None
    assert len(batch.failed) == 1 and batch.error is None
    (line,) = deployed.lines("Export failed.")
    assert line["reason"] and line["message_id"] == batch.messages[0]
    assert deployed.manifests == {} and both(deployed) == ([], [])
    deployed.settle()
    assert both(deployed) == ([(alert, False)], [(alert, False)])


class Killer:
    """Kills the function at its n-th call of anybody: before the call took effect, after, or while it is under way."""

    def __init__(self, deployed: Deployment, seed: int):
        self.deployed, self.random = deployed, random.Random(seed)
        self.left = None
        self.killed = 0
        deployed.cloud.server.on_call = self.on_call
        deployed.slack.answer_with = self.on_message

    def arm(self) -> None:
        self.left = self.random.randint(1, 35)

    def disarm(self) -> None:
        self.left = None

    def strikes(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        if self.left > 0:
            return False
        self.left = None
        self.killed += 1
        self.deployed.function.kill_soon()
        return True

    def on_call(self, _call):
        return self.random.choice([CUT, LOST]) if self.strikes() else None

    def on_message(self, _request):
        return self.random.choice([slacks.NEVER, slacks.LOST]) if self.strikes() else slacks.OK


@pytest.mark.parametrize("_draw", range(SEEDS))
def test_killed_at_any_moment_the_lake_is_the_same_and_nobody_is_told_twice_unmarked(cloud, slack, tmp_path, _draw):
    seed = int(os.environ.get("KILL_SEED", random.randrange(10**6)))
    print(f"repeat it with KILL_SEED={seed}")
    exports = []
    with Deployment(cloud, slack, hold=True, max_receives=100) as deployed:
        killer = Killer(deployed, seed)
        while killer.killed < KILLS:
            number = len(exports)
            assert number < 40, f"{killer.killed} kills in {number} rounds"
            # Each in a window of its own, so that none is folded into a message about many.
            exports.append(deletions(f"a{number}", f"b{number}", hours_ago=number + 1))
            deployed.upload(f"{number}.ndjson", exports[-1])
            killer.arm()
            deployed.run()
            killer.disarm()
            deployed.time_passes()
            deployed.source.redeliver()
        deployed.settle()
        assert cloud.bodies(deployed.queue.dead_letters) == []
        assert len(deployed.manifests) == len(exports) + 1
        assert differences(deployed.data(), deployed.classified_into("calm")) == []

        expected = alerts_in(tmp_path / "local", *exports)
        for told in both(deployed):
            unmarked = Counter(alert for alert, marked in told if not marked)
            assert {alert for alert, _ in told} == set(expected)
            assert max(unmarked.values()) == 1
