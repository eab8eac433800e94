"""classify, webhook and sweep, as they are deployed together over one lake."""

import hashlib
import json
from datetime import datetime, timedelta

from binary import SWEEP, WEBHOOK
from deployment import Deployment
from lambda_runtime import Function
from on_cloud import program_on
from records import ndjson
from webhooks import SECRET, request

RECONCILE, DELIVER = {"task": "reconcile"}, {"task": "deliver"}


def text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Watcher(Deployment):
    """classify, webhook and sweep over one lake."""

    def __init__(self, cloud, slack, concurrency=1):
        super().__init__(cloud, slack)
        secret = f"secretsmanager:{cloud.secret(SECRET, 'webhook')}"
        settings = {**self.environment, "IMMUTA_WATCH_WEBHOOK_SECRET_FROM": secret}
        self.webhook = Function(WEBHOOK, settings, concurrency=concurrency, name="webhook")
        settings = {**self.environment, "IMMUTA_WATCH_QUEUE": self.queue.url}
        self.sweep = Function(SWEEP, settings, timeout_s=60, name="sweep")

    def __exit__(self, kind, *rest):
        self.webhook.close()
        self.sweep.close()
        super().__exit__(kind, *rest)

    def notify(self, body: bytes, kind="permissionsUpdated"):
        assert self.webhook.invoke(request(kind, body))["statusCode"] == 200

    def export(self, *records: dict, name="events.ndjson"):
        self.upload(name, ndjson(*records))
        self.run()

    def keep(self, body: bytes, received: datetime, kind="permissionsUpdated"):
        """A receipt as the function keeps it, of long ago."""
        received = received.replace(microsecond=0)
        kept = {"version": 1, "received": text(received), "kind": kind, "text": body.decode()}
        named = hashlib.sha256(f"{kind}\n".encode() + body).hexdigest()[:32]
        key = f"lake/webhooks/date={received:%Y-%m-%d}/{named}-{received:%H%M%S}000.json"
        self.cloud.put(self.bucket, key, json.dumps(kept).encode())
        return key.removeprefix("lake/")

    def written_hours_ago(self, folder: str, hours: float):
        for key in self.cloud.keys(self.bucket, f"lake/{folder}/"):
            self.cloud.set_age(self.bucket, key, timedelta(hours=hours))

    def reconcile(self) -> dict:
        """The line of the comparison of one run."""
        self.sweep.invoke(RECONCILE)
        return [line for line in self.sweep.log_lines if line.get("message") == "Webhooks compared."][-1]

    def explain(self, alert: str) -> tuple:
        """As text, and as JSON."""
        options = ("explain", alert, "--lake", self.lake)
        program = program_on(self.cloud)
        return program(*options).out, program(*options, "--json").json
