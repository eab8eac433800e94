"""Immuta as it sends webhooks, and the function that takes them."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta, timezone

import yaml

from aws import Cloud
from binary import ROOT, WEBHOOK, publish
from deployment import slack_message
from lambda_runtime import Function
from slack import Slack

SECRET = "the-secret-of-the-webhook"
# Working hours round the clock and never: what the clock says is of no account.
BY_DAY = {"zone": "UTC", "days": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], "hours": "00:00-24:00"}  # fmt: skip
# A holiday, even if the test runs over midnight.
TODAY = datetime.now(timezone.utc).date()
BY_NIGHT = {"zone": "UTC", "holidays": [str(TODAY + timedelta(days=days)) for days in (-1, 0, 1)]}


def body_of(inner: dict, text="Ann changed something") -> bytes:
    """A body as Immuta shapes it for Slack."""
    return json.dumps({"text": text, "attachments": [{"text": json.dumps(inner)}]}).encode()


def permission(name: str, **more) -> bytes:
    actor = {"type": "USER_ACTOR", "id": "ann@example.com", "name": "Ann"}
    return body_of({"actor": actor, "user": "tom@example.com", "permissions": [name], **more}, f"Ann gave {name} to Tom")


def signature(body: bytes, secret=SECRET) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def request(kind: str, body: bytes, headers=None, secret=SECRET, path=None, method="POST") -> dict:
    """The event of a function URL. `headers` replace those of Immuta; one that is None is left out."""
    given = {
        "content-type": "application/json",
        "x-immuta-webhook-signature-sha256": signature(body, secret).hex(),
        **(headers or {}),
    }
    path = path or f"/{kind}"
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {name: value for name, value in given.items() if value is not None},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.7"}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def notifications():
    """[(the rule, a type that it is about, a body)], from the examples of the rules."""
    for path in sorted((ROOT / "rules" / "webhook").glob("*.yml")):
        rule = yaml.safe_load(path.read_text())
        kinds = rule["detection"]["selection"]["watch.kind"]
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            for example in rule["watch"]["examples"]["positive"]:
                event = example["event"]
                inner = {name: value for name, value in event["auditPayload"].items() if name != "type"}
                if "actor" in event:
                    inner["actor"] = event["actor"]
                yield path.stem, kind, body_of({**inner, "unique": f"{kind} {example['name']}"}, event["text"])


class Webhooks:
    """The function with everything around it. `with Webhooks(cloud, slack, folder) as webhooks: ...`"""

    def __init__(self, cloud: Cloud, slack: Slack, folder, calendar=BY_DAY, secret=SECRET, published=True, **environment):
        self.cloud, self.slack = cloud, slack
        self.bucket = cloud.bucket()
        self.lake = f"s3://{self.bucket}/lake"
        self.secret_name = cloud.secret(secret, "webhook")
        environment = {
            **cloud.environment,
            "IMMUTA_WATCH_LAKE": self.lake,
            "IMMUTA_WATCH_SLACK_URL_FROM": f"secretsmanager:{cloud.secret(slack.url)}",
            "IMMUTA_WATCH_WEBHOOK_SECRET_FROM": f"secretsmanager:{self.secret_name}",
            **environment,
        }
        self.environment = {name: value for name, value in environment.items() if value is not None}
        if published:
            configuration = folder / "immuta-watch.yml"
            # A test sends more than the ten that are told one by one in earnest.
            notify = {"storm": 1000}
            made = {"calendars": {"office": calendar}, "default_calendar": "office", "notify": notify}
            configuration.write_text(json.dumps(made))
            publish(self.lake, cloud.environment, "--config", configuration)
        self.function = Function(WEBHOOK, self.environment, timeout_s=10, name="webhook")

    def __enter__(self) -> "Webhooks":
        return self

    def __exit__(self, kind, *_) -> None:
        self.function.close()
        # Whatever happened, the log gives nothing away.
        if kind is None:
            log = "\n".join(self.function.logs)
            for hidden in (SECRET, self.slack.url, "tom@example.com", "Ann gave"):
                assert hidden not in log, hidden

    def send(self, event: dict) -> int:
        """The status of the answer, which says nothing else."""
        answer = self.function.invoke(event)
        assert answer["body"] == ""
        return answer["statusCode"]

    def post(self, kind: str, body: bytes, **more) -> int:
        return self.send(request(kind, body, **more))

    def files(self, folder: str) -> dict:
        """{name within the lake: content} below a folder of the lake."""
        found = self.cloud.objects(self.bucket, f"lake/{folder}/").items()
        return {name.removeprefix("lake/"): content for name, content in found}

    @property
    def receipts(self) -> dict:
        kept = self.files("webhooks").items()
        return {name: json.loads(content) for name, content in kept if not name.endswith(".decision.json")}

    @property
    def decisions(self) -> list:
        """In the order in which the notifications were received."""
        kept = self.files("webhooks").items()
        read = [json.loads(content) for name, content in kept if name.endswith(".decision.json")]
        return sorted(read, key=lambda decision: datetime.fromisoformat(decision["received"]))

    @property
    def told(self) -> list:
        """The ids of the alerts that Slack was told of."""
        return [slack_message(message)[0] for message in self.slack.messages]

    def lines(self, message: str) -> list:
        return [line for line in self.function.log_lines if line.get("message") == message]

    def counted(self, metric: str) -> int:
        return sum(line.get(metric, 0) for line in self.function.log_lines)
