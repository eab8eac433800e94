"""A lake in S3, exports, a topic, a Slack channel and a webhook with everything in order; and `doctor` on all of it."""

import json
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from binary import DONE, immuta_watch, publish
from deployment import deletions
from on_cloud import program_on
from slack import Slack
from webhooks import BY_DAY, SECRET

KEY = "a-key-that-signs-messages-0123456789"
EXPORTS = 30


class Installation:
    """A lake, exports, a topic, a Slack channel and a webhook, with everything in order."""

    def __init__(self, cloud, slack: Slack, folder: Path):
        self.cloud, self.slack, self.folder = cloud, slack, folder
        self.bucket = cloud.bucket()
        self.lake, self.exports = f"s3://{self.bucket}/lake", f"s3://{self.bucket}/exports"
        self.topic = cloud.topic()
        self.slack_secret = cloud.secret(slack.url)
        self.key = cloud.parameter(KEY, "key")
        self.webhook_secret = cloud.secret(json.dumps({"current": SECRET, "previous": "the-secret-that-was-before"}), "webhook")
        self.program = program_on(cloud)
        self.configuration = folder / "immuta-watch.yml"
        self.publish()
        # One every hour; the last one came half an hour ago.
        keys = [f"exports/{number:03}.ndjson" for number in range(EXPORTS)]
        for number, key in enumerate(keys):
            cloud.put(self.bucket, key, deletions(f"ann{number}"))
        self.program("run", self.exports, "--lake", self.lake)
        for number, key in enumerate(keys):
            cloud.set_age(self.bucket, key, timedelta(hours=EXPORTS - number) - timedelta(minutes=30))
        received = datetime.now(timezone.utc) - timedelta(minutes=5)
        cloud.put(self.bucket, f"lake/webhooks/date={received:%Y-%m-%d}/5c0f-{received:%H%M%S}000.json", b"{}")

    def publish(self, **more) -> None:
        destinations = {
            "on-call": {"slack": {"url_from": f"secretsmanager:{self.slack_secret}"}},
            "alerts": {"sns": {"topic": self.topic.arn}},
            "tickets": {"webhook": {"url": self.slack.address("/tickets"), "secret_from": f"ssm:{self.key}"}},
        }
        made = {
            "calendars": {"office": BY_DAY},
            "default_calendar": "office",
            "notify": {"destinations": destinations},
            **more,
        }
        self.configuration.write_text(json.dumps(made))
        publish(self.lake, self.cloud.environment, "--config", self.configuration, "--by", "carol")

    def doctor(self, *more, expect=DONE, exports=True, **environment):
        """{(area, about): finding}; what is printed for people gives the same verdicts, and no secret is in either."""
        arguments = ["doctor", "--lake", self.lake, "--webhook-secret-from", f"secretsmanager:{self.webhook_secret}", *more]
        arguments += ["--exports", self.exports] if exports else []
        options = {"env": {**os.environ, **self.cloud.environment, **environment}, "timeout": 120}
        ran = immuta_watch(*arguments, "--json", expect=expect, **options)
        said = immuta_watch(*arguments, expect=expect, **options)
        for text in (ran.out, ran.err, said.out, said.err):
            for hidden in (self.slack.PATH.rsplit("/", 1)[1], KEY, SECRET):
                assert hidden not in text, hidden
        found = ran.json["findings"]
        words = re.findall(r"^  (ok|warning|failed) ", said.out, re.MULTILINE)
        assert sorted(words) == sorted(finding["verdict"] for finding in found), said.out
        for finding in found:
            assert ("to_do" in finding) == (finding["verdict"] != "ok"), finding
        self.said = said.out
        return {(finding["area"], finding["about"]): finding for finding in found}

    def not_well(self, *more, **options) -> dict:
        """{(area, about): (verdict, found, to do)} of what is not well."""
        found = self.doctor(*more, **options).items()
        told = {key: (each["verdict"], each["found"], each.get("to_do", "")) for key, each in found}
        return {key: each for key, each in told.items() if each[0] != "ok"}

    def refuse(self, what, status=403) -> None:
        self.cloud.server.on_call = lambda call: status if what(call) else None
