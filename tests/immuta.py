"""An Immuta that answers: its API of webhooks, the requests that they make, and the history of those.

The routes and the answer of `POST /webhooks` are Immuta's documentation's. The forms of the other answers are not
printed there; `shape` says which of several likely ones this tenant has.
"""

import hashlib
import hmac
import json
import threading
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "dea464c07bd07300095caa8-api-key"
PREFIX = "immuta-watch: "
TYPES = """
ALL_NOTIFICATIONS acknowledgedAccess addedToProject apiKeyRevoked attributeAdded attributeRemoved
attributeUpdated automaticDomainAssignmentFailure bulkJobStatus certificationRequired collectionCreated
collectionDataSourceAdded collectionDataSourceRemoved collectionDeleted collectionPermissionGranted
collectionPermissionRevoked collectionUpdated conflictingGlobalPolicies dataSourceExpired dataSourceExpiring
dataSourceUpdated deletedDatasourceRemovedFromProject expiredDatasourceRemovedFromProject firstQuery
frameworkCreated frameworkDeleted frameworkUpdated globalPolicyCreated globalPolicyDeleted globalPolicyDisabled
globalPolicyUpdated groupUserAdded groupUserDeleted healthCheckFailed healthCheckResolved modelAccessApproved
modelAccessDenied modelAccessRequested modelAccessRevoked modelAccessUpdated modelCopied modelCreated
modelDeleted modelTagAdded modelTagRemoved modelUserAdded modelUserDeleted modelUserJoined
nativeIntegrationValidationFailed permissionsUpdated policyCertificationExpired policyUpdated projectDisabled
projectEqualizationMemberNotInCompliance projectEqualizationToggled projectUpdated purposeCreated purposeDeleted
purposeUpdated queryCanceled removedFromProject switchedCurrentProject tagCreated tagDeleted tagUpdated
taskDeleted taskValidated userCloned userCreated userDeleted userDisabled userEnabled userMigrated
""".split()  # fmt: skip
# How long this Immuta waits for an answer, in seconds; the real one waits ten.
PATIENCE = 5


def text(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Immuta:
    """`with Immuta() as immuta:` — its address is `immuta.url`, and `notify` makes something happen in it."""

    def __init__(self, key=KEY, scheme="Bearer ", types=TYPES, shape="hits", body="text", page=None):
        self.key, self.scheme, self.types = key, scheme, list(types)
        # Of lists: "array", or the member that holds them. Of the bodies in the history: "text", "json" or "none".
        self.shape, self.body, self.page = shape, body, page
        # What requests are answered with in place of what was asked for: a status, or None. A function of (method, path).
        self.fail = lambda method, path: None
        # Requests to the API: (method, path, body).
        self.calls = []
        self.webhooks, self.history = [], []
        self._secrets = {}
        self._changed = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "Immuta":
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, kind: str, url: str, name=None, secret=None, **more) -> dict:
        """A webhook, as `POST /webhooks` makes one."""
        with self._changed:
            number = max([webhook["id"] for webhook in self.webhooks], default=0) + 1
            now = text(datetime.now(timezone.utc))
            webhook = {
                "id": number, "url": url, "name": name or f"{PREFIX}{kind}", "global": True, "actionType": "triggered",
                "notificationType": [kind], "createdBy": 2, "createdAt": now, "updatedAt": now, **more,
            }  # fmt: skip
            self.webhooks.append(webhook)
            self._secrets[number] = secret
            return webhook

    def secret_of(self, webhook: dict) -> "str | None":
        return self._secrets[webhook["id"]]

    def notify(self, kind: str, body: bytes, ago=timedelta(0)) -> list:
        """Something happens: every webhook for it is called. Returns the records of the history."""
        found = [webhook for webhook in self.webhooks if {kind, "ALL_NOTIFICATIONS"} & set(webhook["notificationType"])]
        return [self.send(webhook, body, ago) for webhook in found]

    def send(self, webhook: dict, body: bytes, ago=timedelta(0)) -> dict:
        """Calls a webhook and records what came of it, as if that had been so long ago."""
        time = datetime.now(timezone.utc) - ago
        headers = {"content-type": "application/json"}
        if secret := self._secrets.get(webhook["id"]):
            signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers["x-immuta-webhook-signature-sha256"] = signature
        status, error = self._post(webhook["url"], body, headers)
        with self._changed:
            record = {
                "id": 1000 + len(self.history), "webhookId": webhook["id"], "createdAt": text(time),
                "request": {"url": webhook["url"], "headers": {}},
                "response": None if status is None else {"statusCode": status}, "error": error,
            }  # fmt: skip
            if self.body == "text":
                record["request"]["body"] = body.decode()
            elif self.body == "json":
                record["request"]["body"] = json.loads(body)
            # For `retry`, which knows what was sent whatever the history shows of it.
            self.history.append((record, webhook, body))
        return record

    @staticmethod
    def _post(url: str, body: bytes, headers: dict):
        try:
            request = urllib.request.Request(url, data=body, headers=headers, method="POST")
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, None
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError as error:
            return None, type(error).__name__

    def asked(self, method: str, path: str) -> list:
        """The bodies of the calls of a route."""
        return [body for found, at, body in self.calls if (found, at.split("?")[0]) == (method, path)]

    def answer(self, method: str, target: str, key: str, body: bytes):
        """(status, answer) of a call of the API."""
        path = target.partition("?")[0]
        with self._changed:
            self.calls.append((method, target, body.decode()))
        if key != self.scheme + self.key:
            return 401, {"statusCode": 401, "error": "Unauthorized", "message": f"no such key {key}"}
        if status := self.fail(method, path):
            return status, {"statusCode": status, "message": f"injected, for {key} and {body.decode()}"}
        parts = path.strip("/").split("/")
        if (method, path) == ("GET", "/webhooks"):
            return 200, self._listed(self.webhooks, "webhooks", target)
        if (method, path) == ("GET", "/webhooks/actions"):
            return 200, self.types
        if (method, path) == ("GET", "/webhooks/history"):
            return 200, self._listed([record for record, *_ in self.history], "history", target)
        if (method, path) == ("POST", "/webhooks"):
            return 200, self._create(json.loads(body)["webhooks"])
        if method == "POST" and parts[:3] == ["webhooks", "history", "retry"]:
            for record, webhook, sent in self.history:
                if str(record["id"]) == parts[3]:
                    return 200, self.send(webhook, sent)
        if method == "DELETE" and parts[:1] == ["webhooks"] and len(parts) == 2:
            found = [webhook for webhook in self.webhooks if str(webhook["id"]) == parts[1]]
            if found:
                self.webhooks.remove(found[0])
                return 200, found[0]
        return 404, {"statusCode": 404, "error": "Not Found"}

    def _listed(self, items: list, name: str, target: str):
        if self.shape == "array":
            return items
        if self.page:
            query = dict(part.split("=") for part in target.partition("?")[2].split("&") if part)
            offset = int(query.get("offset", 0))
            return {"count": len(items), "hits": items[offset : offset + self.page]}
        return {name if self.shape == "named" else self.shape: items}

    def _create(self, wanted: list) -> dict:
        made, errors = [], []
        for each in wanted:
            (kind,) = each["notificationType"]
            if kind in self.types and each["global"] is True and each["actionType"] in ("triggered", "received"):
                webhook = self.add(kind, each["url"], each["name"], each.get("secret"), actionType=each["actionType"])
                made.append({name: value for name, value in webhook.items() if name != "notificationType"})
            else:
                errors.append({"url": each["url"], "message": f"{kind} is not taken, with {each.get('secret')}"})
        return {"createdWebhooks": made, "errors": errors}


def _handler_of(immuta: Immuta):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def handle_call(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = immuta.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            said = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = handle_call

    return Handler
