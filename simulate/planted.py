#!/usr/bin/env python3
"""Which of a simulated tenant's planted incidents have an alert, and which near misses have one: planted.py PROGRAM FOLDER

FOLDER is what `simulate --out` wrote, with the lake of a run beside it in FOLDER/lake.
"""

import json
import subprocess
import sys


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
    others = [alert for alert in alerts if alert["route"] in ("notification", "both") and alert["id"] not in found]

    print(f"{len(incidents) - missed} of {len(incidents)} planted incidents have the alert, level and route they should have.")
    print(f"{disturbed} of {len(near_misses)} near misses, and {len(others)} alerts that nobody planted, notify somebody.")
    worst = next((alert for alert in found.values() if alert["rule"] == "permission_granted"), None)
    if worst:
        explain = [program, "explain", worst["id"], "--lake", f"{folder}/lake"]
        print(f"\nOne of them:\n$ {' '.join(explain)}", flush=True)
        subprocess.run(explain, check=True)
    return 1 if missed or disturbed or others else 0


if __name__ == "__main__":
    sys.exit(main())
