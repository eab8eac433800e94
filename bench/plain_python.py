#!/usr/bin/env python3
"""What somebody would write in an afternoon instead: plain_python.py EXPORT.gz

Reads one export with the standard library alone, asks the fifteen conditions of bench/rules as `if`s, counts events per
hour and kind, actor or status, and prints all counts as JSON. It writes no ledger, keeps no alert and looks at no
field in more places than the conditions name.
"""

import gzip
import json
import sys
from collections import Counter

HIGH_RISK = {"APPLICATION_ADMIN", "USER_ADMIN", "GOVERNANCE", "AUDIT"}
NOTHING_READ = ("UNAUTHORIZED", "FAILURE")


def names(value):
    """The names in a value that is one, an object with one, or a list of either."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            each = each.get("name")
        if isinstance(each, str):
            yield each


def is_high_risk(payload):
    for key in ("permission", "permissions"):
        for name in names(payload.get(key)):
            if name in HIGH_RISK or name.startswith("IMPERSONATE_"):
                return True
    return False


def is_discovered(payload):
    for key in ("tag", "tagName", "tags"):
        for name in names(payload.get(key)):
            if name.startswith("Discovered."):
                return True
    return False


def rules_of(kind, event, payload):
    """The names of the conditions that hold."""
    if kind == "Query":
        denied = event.get("actionStatus") in NOTHING_READ
        if denied:
            yield "query_denied"
        profile = payload.get("securityProfile") or {}
        score = (profile.get("sensitivity") or {}).get("score")
        if score in ("HIGHLY_SENSITIVE", "Highly Sensitive") and not denied:
            yield "highly_sensitive_query"
    elif kind == "PermissionApplied":
        if is_high_risk(payload):
            yield "permission_granted"
    elif kind == "PermissionRemoved":
        yield "permission_removed"
    elif kind == "DomainPermissionsUpdated":
        yield "domain_permissions_updated"
    elif kind in ("UserCreated", "UserCloned"):
        if payload.get("identityProvider") == "bim":
            yield "user_made_locally"
    elif kind in ("GlobalPolicyCreated", "GlobalPolicyUpdated"):
        yield "global_policy_changed"
    elif kind == "GlobalPolicyDeleted":
        yield "global_policy_deleted"
    elif kind == "ConfigurationUpdated":
        yield "configuration_updated"
    elif kind in ("ApiKeyCreated", "ApiKeyDeleted"):
        yield "api_key_changed"
    elif kind == "WebhookDeleted":
        yield "webhook_deleted"
    elif kind == "DatasourceCreated":
        yield "data_source_created"
    elif kind in ("AttributeApplied", "AttributeRemoved"):
        yield "user_attribute_changed"
    elif kind in ("TagApplied", "TagRemoved"):
        if is_discovered(payload):
            yield "discovered_tag_changed"
    elif kind in ("TagCreated", "TagUpdated", "TagDeleted"):
        yield "tag_definition_changed"


def main():
    events, unread = 0, 0
    rules, rollup = Counter(), Counter()
    with gzip.open(sys.argv[1], "rb") as export:
        for line in export:
            try:
                event = json.loads(line)
                payload = event["auditPayload"]
                kind = payload["type"].removesuffix("AuditPayload")
                hour = event["eventTimestamp"][:13]
            except (ValueError, KeyError, TypeError):
                unread += 1
                continue
            events += 1
            rollup[hour, "kind", kind] += 1
            rollup[hour, "actor", (event.get("actor") or {}).get("id")] += 1
            rollup[hour, "status", event.get("actionStatus")] += 1
            for rule in rules_of(kind, event, payload):
                rules[rule] += 1
    kinds = Counter()
    for (_, aggregate, value), count in rollup.items():
        if aggregate == "kind":
            kinds[value] += count
    print(json.dumps({"events": events, "unread": unread, "rules": rules, "kinds": kinds, "rows": len(rollup)}))


if __name__ == "__main__":
    main()
