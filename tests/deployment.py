"""The function `classify` as it is deployed: bucket, queue and event source, lake, topic and Slack, and what came of it."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote_plus

from aws import Cloud, Topic
from binary import CLASSIFY, immuta_watch, publish
from event_source import EventSource
from lambda_runtime import Function
from records import ndjson, webhook_deleted
from slack import Slack
from slack_blocks import block_text, valid_blocks

# The folders of what exports become; what people were told is history, apart.
DATA = ("manifests", "ledger", "rollups", "alerts", "approvals", "signals", "quarantine")
REPEATED = "Possibly repeated"
LONG_AGO = "2026-01-01T00:00:00Z"
# How many messages an invocation may have to fail before it is in the dead-letter queue.
MOST_RECEIVES = 4


def deletions(*actors: str, hours_ago=1, at=None) -> bytes:
    """An export of recent events, an alert each: every actor has deleted a webhook."""
    time = (at or datetime.now(timezone.utc)) - timedelta(hours=hours_ago)
    text = time.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def made(actor):
        who = {"type": "USER_ACTOR", "id": f"{actor}@example.com", "name": actor, "identityProvider": "okta"}
        number = int.from_bytes(actor.encode(), "big") % 10**12
        return webhook_deleted(number, actor=who, eventTimestamp=text, receivedTimestamp=text)

    return ndjson(*map(made, actors))


def alerts_in(folder: Path, *contents: bytes) -> dict:
    """{id: alert} of those alerts in exports that interrupt somebody, by the command line."""
    folder.mkdir(parents=True, exist_ok=True)
    exports = [folder / f"{number}.ndjson" for number in range(len(contents))]
    for path, content in zip(exports, contents):
        path.write_bytes(content)
    immuta_watch("run", *exports, "--lake", folder / "lake")
    listed = immuta_watch("alerts", "--lake", folder / "lake", "--notify", "--limit", 0, "--json").json_lines
    return {alert["id"]: alert for alert in listed}


class Deployment:
    """The function with everything around it. `with Deployment(cloud, slack) as deployment: ...`

    Exports are below `exports/`, of which S3 tells the queue; the lake is below `lake/` of the same bucket.
    """

    def __init__(
        self,
        cloud: Cloud,
        slack: Slack,
        concurrency=1,
        batch_size=10,
        hold=False,
        max_receives=MOST_RECEIVES,
        published=True,
        **environment,
    ):
        self.cloud, self.slack = cloud, slack
        self.bucket = cloud.bucket()
        self.lake = f"s3://{self.bucket}/lake"
        self.queue = cloud.queue(max_receives=max_receives)
        self.topic: Topic = cloud.topic()
        self.environment = {
            **cloud.environment,
            "IMMUTA_WATCH_LAKE": self.lake,
            "IMMUTA_WATCH_EXPORTS": f"s3://{self.bucket}/exports",
            "IMMUTA_WATCH_TOPIC": self.topic.arn,
            "IMMUTA_WATCH_SLACK_URL_FROM": f"secretsmanager:{cloud.secret(slack.url)}",
            **environment,
        }
        # None: not set at all.
        self.environment = {name: value for name, value in self.environment.items() if value is not None}
        if published:
            publish(self.lake, cloud.environment)
        self.function = Function(CLASSIFY, self.environment, concurrency=concurrency)
        self.source = EventSource(
            cloud.sqs, self.queue, self.function, batch_size, concurrency, redeliver_at_once=not hold
        )
        cloud.notify_queue(self.bucket, self.queue, prefix="exports/")
        cloud.take_all(self.queue)  # S3's test event

    def __enter__(self) -> "Deployment":
        return self

    def __exit__(self, kind, *_) -> None:
        self.function.close()
        # Whatever happened, the log gives nothing away.
        if kind is None:
            log = "\n".join(self.function.logs)
            assert self.slack.PATH.rsplit("/", 1)[1] not in log and self.slack.url not in log

    def upload(self, name: str, content: bytes) -> str:
        """Puts an object below exports/, of which S3 tells the queue; returns its address."""
        self.cloud.put(self.bucket, f"exports/{name}", content)
        return f"s3://{self.bucket}/exports/{name}"

    def run(self) -> list:
        """Lets the function work until the queue is quiet; returns the batches."""
        return self.source.run_until_quiet()

    def settle(self, rounds=6) -> None:
        """Time passes and the function is invoked, until nothing is left to redeliver or to tell."""
        for _ in range(rounds):
            self.time_passes()
            self.source.redeliver()
            self.next_invocation()
            if not self.outbox and not self.cloud.keys(self.bucket, "lake/leases/"):
                return
        raise AssertionError(f"after {rounds} rounds: {self.outbox}")

    def next_invocation(self) -> None:
        """Uploads an export in which there is nothing, and lets the function work."""
        self.upload("nothing.ndjson", b"\n")
        self.run()

    def time_passes(self) -> None:
        """As if hours had gone by: leases have run out, and what was put off is due."""
        for key, content in self.cloud.objects(self.bucket, "lake/leases/").items():
            self.cloud.put(self.bucket, key, json.dumps({**json.loads(content), "expires": LONG_AGO}).encode())
        for key, content in self.cloud.objects(self.bucket, "lake/deliveries/").items():
            book = json.loads(content)
            folded = book.get("folded")
            for delivery in [*book["alerts"].values(), *([folded["delivery"]] if folded else [])]:
                if delivery["state"] in ("pending", "leased"):
                    delivery["until"] = LONG_AGO
            self.cloud.put(self.bucket, key, json.dumps(book).encode())
        for key, content in self.cloud.objects(self.bucket, "lake/outbox/closing-").items():
            entry = json.loads(content)
            entry["closing"]["due"] = LONG_AGO
            self.cloud.put(self.bucket, key, json.dumps(entry).encode())
        for key, content in self.cloud.objects(self.bucket, "lake/reconcile/").items():
            left = json.loads(content)
            for known in left.get("exports", {}).values():
                known["enqueued_at"] = LONG_AGO
            self.cloud.put(self.bucket, key, json.dumps(left).encode())

    @property
    def outbox(self) -> list:
        return self.cloud.keys(self.bucket, "lake/outbox/")

    @property
    def manifests(self) -> dict:
        """{address of the export: manifest}."""
        read = map(json.loads, self.cloud.objects(self.bucket, "lake/manifests/").values())
        return {manifest["uri"]: manifest for manifest in read}

    @property
    def notices(self) -> list:
        return [json.loads(content) for content in self.cloud.objects(self.bucket, "lake/notices/date=").values()]

    def data(self, lake="lake") -> dict:
        """{name within the lake: bytes} of what exports became."""
        objects = {folder: self.cloud.objects(self.bucket, f"{lake}/{folder}/") for folder in DATA}
        return {key.removeprefix(f"{lake}/"): text for each in objects.values() for key, text in each.items()}

    def classified_into(self, lake: str) -> dict:
        """What the exports in the bucket become in another lake of it, where nothing goes wrong and nobody is told."""
        environment = {**self.environment, "IMMUTA_WATCH_LAKE": f"s3://{self.bucket}/{lake}"}
        del environment["IMMUTA_WATCH_TOPIC"], environment["IMMUTA_WATCH_SLACK_URL_FROM"]
        publish(environment["IMMUTA_WATCH_LAKE"], self.cloud.environment)
        keys = self.cloud.keys(self.bucket, "exports/")
        with Function(CLASSIFY, environment) as function:
            for key in keys:
                bucket = {"name": self.bucket, "arn": f"arn:aws:s3:::{self.bucket}"}
                made = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventVersion": "2.1"}
                told = function.invoke({"Records": [{**made, "s3": {"bucket": bucket, "object": {"key": quote_plus(key)}}}]})
                assert told["exports"] == 1, function.logs
        return self.data(lake)

    def books(self, destination: str) -> list:
        """The delivery records of a destination."""
        objects = self.cloud.objects(self.bucket, "lake/deliveries/").items()
        return [json.loads(content) for key, content in objects if key.endswith(f"/{destination}.json")]

    def lines(self, message: str) -> list:
        """The wide lines of the log with this message."""
        return [line for line in self.function.log_lines if line.get("message") == message]

    def told_by_slack(self) -> list:
        """[(id, whether it is marked)] of what stands in the channel; every message is one that Slack takes."""
        return [slack_message(body) for body in self.slack.messages]

    def told_by_topic(self) -> list:
        """[(id, whether it is marked)] of what the topic sent since this was last asked."""
        return [topic_message(sent) for sent in self.cloud.sent(self.topic.inbox)]


def slack_message(body: dict) -> tuple:
    """(id, whether it is marked) of a Slack message, which is valid."""
    valid_blocks(body)
    (named,) = re.findall(r"^Id `([^`]+)`$", block_text(body), re.MULTILINE)
    marked = REPEATED in body["text"]
    assert marked == (REPEATED.lower() in block_text(body).lower()), "marked in one place and not in the other"
    return named, marked


def topic_message(sent) -> tuple:
    """(id, whether it is marked) of a message of the topic."""
    body = json.loads(sent.body)
    assert body["possibly_repeated"] == sent.subject.startswith(REPEATED), sent.subject
    return body["id"], body["possibly_repeated"]


def seconds_until(time: str) -> float:
    """From now to a time in UTC, whose fractions of a second do not matter."""
    return (datetime.fromisoformat(f"{time[:19]}+00:00") - datetime.now(timezone.utc)).total_seconds()


def conserved(manifest: dict) -> bool:
    counts = manifest["counts"]
    return (
        counts["read"] == counts["classified"] + counts["quarantined"] + counts["blank"]
        and counts["classified"] == counts["access"] + counts["changes"]
    )
