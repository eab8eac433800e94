"""Many notifications, and destinations that are down: everything is told once, and in a readable few."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

from slack_blocks import block_text
from watcher import DELIVER, Watcher
from webhooks import body_of, permission

BURST = 500


def within_an_hour(seconds: int) -> None:
    """Waits for the next hour if this one, which is the window of the alerts, has not so many seconds left."""
    left = 3600 - time.time() % 3600
    if left < seconds:
        time.sleep(left)


def granted_to(user: str, name="USER_ADMIN") -> bytes:
    actor = {"type": "USER_ACTOR", "id": "ann@example.com", "name": "Ann"}
    return body_of({"actor": actor, "user": user, "permissions": [name]}, f"Ann gave {name} to {user}")


def test_what_slack_did_not_take_for_an_hour_comes_once_when_it_is_back(cloud, slack):
    with Watcher(cloud, slack) as watcher:
        slack.stop()
        names = ["USER_ADMIN", "GOVERNANCE", "AUDIT", "APPLICATION_ADMIN"]
        for name in names:
            watcher.notify(permission(name))
        for _ in range(6):
            watcher.time_passes()
            watcher.sweep.invoke(DELIVER)
        assert len(watcher.told_by_topic()) == len(names), "the topic did not wait for Slack"
        slack.start()
        watcher.time_passes()
        watcher.sweep.invoke(DELIVER)
        told = watcher.told_by_slack()
        assert len(set(told)) == len(told) == len(names) and not any(marked for _, marked in told)
        assert not watcher.outbox
        watcher.sweep.invoke(DELIVER)
        assert len(watcher.told_by_slack()) == len(names) and not watcher.told_by_topic()


def test_a_bulk_job_of_five_hundred_is_told_in_a_readable_few(cloud, slack):
    within_an_hour(150)
    with Watcher(cloud, slack, concurrency=4) as watcher:
        watcher.notify(granted_to("first@example.com"))
        with ThreadPoolExecutor(4) as pool:
            users = [f"user{number}@example.com" for number in range(BURST - 1)]
            list(pool.map(lambda user: watcher.notify(granted_to(user)), users))
        decided = [line for line in watcher.webhook.log_lines if line.get("message") == "Notification decided."]
        assert len(decided) == BURST
        for _ in range(2):
            watcher.time_passes()
            watcher.sweep.invoke(DELIVER)
        assert not watcher.outbox
        headlines = [body["text"] for body in slack.messages]
        assert len(headlines) == 12, headlines
        assert any("too many to tell one by one" in headline for headline in headlines)
        (last,) = [body for body in slack.messages if f"{BURST} alerts in all" in body["text"]]
        assert re.search(rf"{BURST} high", block_text(last))
