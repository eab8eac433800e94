"""What one would write in an afternoon: a function in Python that verifies a webhook and looks what it tells of.

plain_webhook.py REQUESTS SECRET ROUNDS: of each event of a function URL it checks the signature, parses the body and the
JSON within it, and compares what the type and the permission say with two lists. It keeps nothing, knows of no calendar,
and no rule can be changed without changing it. Prints JSON, as shared/benches/decision.rs does. Standard library alone.
"""

import base64
import hashlib
import hmac
import json
import sys
import time

SIGNATURE = "x-immuta-webhook-signature-sha256"
GRAVE = {"USER_ADMIN", "APPLICATION_ADMIN", "GOVERNANCE", "AUDIT"}
TYPES = {"permissionsUpdated", "attributeAdded", "attributeRemoved", "globalPolicyUpdated", "globalPolicyDeleted", "userCreated"}


def decide(event: dict, secret: bytes) -> "tuple[bool, bool] | None":
    """(whether the body was understood, whether somebody should look); None if it is not signed."""
    body = event["body"].encode() if not event["isBase64Encoded"] else base64.b64decode(event["body"])
    tag = hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(tag, event["headers"].get(SIGNATURE, "")):
        return None
    said = json.loads(body)
    inner = [json.loads(attachment["text"]) for attachment in said["attachments"]]
    kind = event["rawPath"].strip("/")
    permissions = {name for each in inner for name in each.get("permissions", [])}
    return bool(inner), kind in TYPES or not GRAVE.isdisjoint(permissions)


def figures(took: list) -> dict:
    """In milliseconds, of nanoseconds."""
    took = sorted(took)
    at = [took[-(-len(took) * percent // 100) - 1] / 1e6 for percent in (50, 99, 100)]
    return {"count": len(took), "p50_ms": at[0], "p99_ms": at[1], "max_ms": at[2]}


def main() -> None:
    with open(sys.argv[1]) as lines:
        requests = [json.loads(line) for line in lines]
    secret, rounds = sys.argv[2].encode(), int(sys.argv[3])
    took: dict = {False: [], True: []}
    refused = understood = 0
    for _ in range(rounds):
        for request in requests:
            begun = time.perf_counter_ns()
            came = decide(request["event"], secret)
            ended = time.perf_counter_ns()
            if came is None:
                refused += 1
            else:
                understood += came[0]
                took[request["large"]].append(ended - begun)
    every = took[False] + took[True]
    found = {"all": figures(every), "small": figures(took[False]), "large": figures(took[True])}
    print(json.dumps({"decided": len(every), "refused": refused, "understood": understood, **found}))


if __name__ == "__main__":
    main()
