"""Made-up audit records, and exports that hold them."""

import gzip
import json


def record(kind="TagApplied", number=1, **changes) -> dict:
    """A record as Immuta writes them; `changes` replace whole fields, and None takes one out."""
    made = {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "eventTimestamp": f"2026-11-02T10:{number % 60:02}:00.000Z",
        "receivedTimestamp": f"2026-11-02T10:{number % 60:02}:01.000Z",
        "action": "CREATE",
        "actionStatus": "SUCCESS",
        "targetType": "TAG",
        "targets": [{"type": "TAG", "id": str(number), "name": f"Tag {number}"}],
        "relatedResources": [],
        "actor": {"type": "USER_ACTOR", "id": "ada@example.com", "name": "Ada", "identityProvider": "okta"},
        "tenantId": "example",
        "auditPayload": {"type": f"{kind}AuditPayload", "version": 1},
    }
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


def webhook_deleted(number=1, **changes) -> dict:
    """A record that one rule of the pack matches, with a notification."""
    return record("WebhookDeleted", number, action="DELETE", targetType="WEBHOOK", **changes)


def line(made: dict) -> bytes:
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def ndjson(*made: dict) -> bytes:
    return b"".join(line(each) + b"\n" for each in made)


def gzipped(plain: bytes) -> bytes:
    return gzip.compress(plain, mtime=0)
