#!/usr/bin/env python3
"""Which of a simulated tenant's planted incidents have an alert, and which near misses have one: planted.py PROGRAM FOLDER

FOLDER is what `simulate --out` wrote, with the lake of a run beside it in FOLDER/lake.
"""

import json
import subprocess
import sys

# What an alert of a planted correlation has in common with what the truth says of it.
EXPECTED = ("rule", "level", "route", "first")
# What is shown at the end.
SHOWN = [("One of them", "permission_granted"), ("And one of several events", "sensitive_tag_stripped_and_restored")]


def main() -> int:
    program, folder = sys.argv[1:]
    with open(f"{folder}/truth.json", encoding="utf-8") as file:
        truth = json.load(file)
    incidents, near_misses = truth["incidents"], truth["near_misses"]
    listing = [program, "alerts", "--lake", f"{folder}/lake", "--limit", "0", "--json"]
    alerts = [json.loads(line) for line in subprocess.run(listing, check=True, capture_output=True).stdout.splitlines()]
    by_event = {}
    for alert in alerts:
        for example in alert["examples"]:
            by_event.setdefault(example["record"].get("id"), []).append(alert)

    missed, found = 0, {}
    for incident in incidents:
        expected = [incident[name] for name in ("rule", "level", "route")]
        for alert in by_event.get(incident["event_id"], []):
            if [alert[name] for name in ("rule", "level", "route")] == expected:
                found.setdefault(alert["id"], alert)
                break
        else:
            missed += 1
            print(f"not found as it should be: {incident['name']}, event {incident['event_id']}")
    disturbed = 0
    for near_miss in near_misses:
        for alert in by_event.get(near_miss["event_id"], []):
            if alert["route"] in ("notification", "both"):
                disturbed += 1
                print(f"notified, and should not be: {near_miss['name']}, event {near_miss['event_id']}. {near_miss['why']}")
    correlations, near_correlations = truth["correlations"], truth["correlation_near_misses"]
    correlated = {}
    for alert in alerts:
        if alert.get("found"):
            correlated.setdefault((alert["rule"], json.dumps(alert["key"], sort_keys=True)), []).append(alert)
    unfound = 0
    for planted in correlations:
        for alert in of_group(planted, correlated):
            if [alert[name] for name in EXPECTED] == [planted[name] for name in EXPECTED]:
                found.setdefault(alert["id"], alert)
                break
        else:
            unfound += 1
            print(f"not found as it should be: {planted['name']}, from {planted['first']}")
    mistaken = 0
    for near_miss in near_correlations:
        for alert in of_group(near_miss, correlated):
            if alert["first"] <= near_miss["last"] and near_miss["first"] <= alert["last"]:
                mistaken += 1
                print(f"found, and should not be: {near_miss['name']}, from {near_miss['first']}. {near_miss['why']}")
    others = [alert for alert in alerts if alert["route"] in ("notification", "both") and alert["id"] not in found]

    print(f"{len(incidents) - missed} of {len(incidents)} planted incidents have the alert, level and route they should have,")
    print(f"and {len(correlations) - unfound} of {len(correlations)} that only several events together amount to.")
    print(f"{disturbed} of {len(near_misses)} near misses, and {len(others)} alerts that nobody planted, notify somebody;")
    print(f"{mistaken} of {len(near_correlations)} near misses of several events are found.")
    for title, rule in SHOWN:
        alert = next((alert for alert in found.values() if alert["rule"] == rule), None)
        if alert:
            explain = [program, "explain", alert["id"], "--lake", f"{folder}/lake"]
            print(f"\n{title}:\n$ {' '.join(explain)}", flush=True)
            subprocess.run(explain, check=True)
    return 1 if missed or disturbed or others or unfound or mistaken else 0


def of_group(noted, correlated):
    """The alerts of the correlation and the group that the truth speaks of."""
    key = json.dumps({name: [value] for name, value in noted["group"].items()}, sort_keys=True)
    return correlated.get((noted["rule"], key), [])


if __name__ == "__main__":
    sys.exit(main())
