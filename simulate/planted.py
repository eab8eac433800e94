#!/usr/bin/env python3
"""Which of a simulated tenant's planted incidents have an alert: planted.py PROGRAM FOLDER

FOLDER is what `simulate --out` wrote, with the lake of a run beside it in FOLDER/lake.
"""

import json
import subprocess
import sys


def main() -> int:
    program, folder = sys.argv[1:]
    with open(f"{folder}/truth.json", encoding="utf-8") as file:
        incidents = json.load(file)["incidents"]
    listing = [program, "alerts", "--lake", f"{folder}/lake", "--limit", "0", "--json"]
    alerts = [json.loads(line) for line in subprocess.run(listing, check=True, capture_output=True).stdout.splitlines()]
    by_event = {
        (alert["rule"], example["record"].get("id")): alert for alert in alerts for example in alert["examples"]
    }
    found = {}
    for incident in incidents:
        alert = by_event.get((incident["rule"], incident["event_id"]))
        if alert and (alert["level"], alert["route"]) == (incident["level"], incident["route"]):
            found.setdefault(alert["id"], alert)
        else:
            print(f"not found as it should be: {incident['name']}, event {incident['event_id']}")
    missed = len(incidents) - sum(
        1 for incident in incidents if (by_event.get((incident["rule"], incident["event_id"])) or {}).get("id") in found
    )
    print(f"{len(incidents) - missed} of {len(incidents)} planted incidents have the alert, level and route they should have.")
    worst = next((alert for alert in alerts if alert["rule"] == "permission_granted"), None)
    if worst and worst["id"] in found:
        print(f"\nOne of them:\n$ {program} alerts show {worst['id']} --lake {folder}/lake", flush=True)
        subprocess.run([program, "alerts", "show", worst["id"], "--lake", f"{folder}/lake"], check=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
