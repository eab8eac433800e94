"""The function webhook: in process against plain Python, then as it is deployed.

Both read the same requests, and must verify, refuse and understand the same number of them; otherwise the times compare
nothing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
# How often each request is decided about in process, and how many notifications of a kind the function is sent.
ROUNDS, NOTIFICATIONS = 50, 200
# What both must agree on.
ANSWERS = ("decided", "refused")


def run(measured, work: Path, python: Path, binary: Path, function: Path, decision: Path) -> "tuple[dict, list[str]]":
    """What it took, and where the answers differ. `measured` runs a command on one core; `python` has the stand-ins of AWS."""
    environment = {**os.environ, "IMMUTA_WATCH": str(binary), "IMMUTA_WATCH_WEBHOOK": str(function)}

    def script(*arguments) -> dict:
        command = [str(python), str(BENCH / "webhook.py"), *map(str, arguments)]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    requests = work / "requests.ndjson"
    secret = script("requests", requests)["secret"]
    ours = json.loads(measured([decision, requests, ROOT / "rules", secret, ROUNDS]).out)
    plain = json.loads(measured([sys.executable, BENCH / "plain_webhook.py", requests, secret, ROUNDS]).out)
    differences = [f"webhooks {name}: {ours[name]}, and not {plain[name]}" for name in ANSWERS if ours[name] != plain[name]]
    for each in differences:
        print(f"DIFFERENT {each}")
    return {"decision": ours, "plain": plain, **script("function", NOTIFICATIONS)}, differences
