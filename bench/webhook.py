"""What the function webhook takes, behind a Lambda runtime API and against S3, Secrets Manager and a Slack over HTTP.

webhook.py requests FILE: writes what the contestants in process decide about, as events of a function URL, one a line:
every positive example of rules/webhook under every type that it is about, some large ones, and some that nobody signed.
webhook.py function NUMBER: starts the function, sends it a NUMBER of notifications one after the other, and prints JSON.
Runs in the environment of the end-to-end tests, whose parts it uses: what stands in for AWS is what the tests trust.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]
sys.dont_write_bytecode = True

from aws import Cloud, Server  # noqa: E402
from binary import WEBHOOK  # noqa: E402
from lambda_runtime import Function  # noqa: E402
from slack import Slack  # noqa: E402
from webhooks import SECRET, Webhooks, body_of, notifications, permission, request  # noqa: E402

# The largest body that the function takes, in bytes.
CAP = 256 * 1024
STARTS = 20
# The first ones make connections, and Lambda keeps a process for hundreds.
WARM_UP = 5


def filled(make) -> bytes:
    """The largest body that fits, of those that `make` makes of a number."""
    least, most = 1, CAP
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if len(make(middle)) <= CAP else (least, middle)
    return make(least)


def large():
    """[(type, body)] of bodies near the cap: a long text, many names, and many members, two of them with a match."""
    names = [f"first.last{number}@example.com" for number in range(20_000)]
    yield "permissionsUpdated", filled(lambda size: permission("USER_ADMIN", note="x" * size))
    yield "permissionsUpdated", filled(lambda size: permission("CREATE_PROJECT", users=names[:size]))
    yield "modelTagAdded", filled(lambda size: body_of({f"column{each}": {"tag": "New"} for each in range(min(size, 20_000))}))
    yield "policyUpdated", filled(lambda size: body_of({}, "policy " + "y" * size))


def write_requests(path: Path) -> None:
    """A line for each request."""
    small = [(kind, body) for _, kind, body in notifications()]
    events = [{"event": request(kind, body), "large": False} for kind, body in small]
    events += [{"event": request(kind, body), "large": True} for kind, body in large()]
    events += [{"event": request(kind, body, secret="another secret"), "large": False} for kind, body in small[:3]]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    print(json.dumps({"secret": SECRET, "requests": len(events)}))


def figures(took: list) -> dict:
    """In milliseconds, of seconds."""
    took = sorted(took)
    at = [round(took[-(-len(took) * percent // 100) - 1] * 1e3, 2) for percent in (50, 99)]
    return {"count": len(took), "p50_ms": at[0], "p99_ms": at[1]}


def starts(environment: dict) -> dict:
    """From the start of the process to its first request for work; by then it has its keys, and its pack is compiled."""
    firsts = []
    for _ in range(STARTS):
        with Function(WEBHOOK, environment, name="webhook") as function:
            firsts.append(function.start().init_seconds * 1e3)
    return {"first_request_ms": round(min(firsts), 1), "median_ms": round(sorted(firsts)[STARTS // 2], 1)}


def invocations(webhooks: Webhooks, number: int, name: str) -> dict:
    """Notifications one after the other, none the repeat of another; all of them decided when they are answered."""
    before = len(webhooks.lines("Notification decided."))
    took, webhooks.cloud.server.calls[:] = [], []
    for each in range(number + WARM_UP):
        body = permission(name, unique=each)
        begun = time.monotonic()
        status = webhooks.post("permissionsUpdated", body)
        took.append(time.monotonic() - begun)
        if status != 200:
            raise SystemExit(f"error: status {status}\n" + "\n".join(webhooks.function.logs[-20:]))
    lines = webhooks.lines("Notification decided.")[before:]
    if len(lines) != number + WARM_UP:
        raise SystemExit("error: not every notification was decided\n" + "\n".join(webhooks.function.logs[-20:]))
    decided = [line["DecisionMilliseconds"] / 1e3 for line in lines[WARM_UP:]]
    calls = round(len(webhooks.cloud.server.calls) / (number + WARM_UP), 1)
    return {"whole": figures(took[WARM_UP:]), "until_decided": figures(decided), "aws_calls": calls}


def function(number: int) -> dict:
    server = Server()
    with Slack() as slack, tempfile.TemporaryDirectory() as folder:
        with Webhooks(Cloud(server), slack, Path(folder)) as webhooks:
            # An everyday change is for the dashboard; a grave one is told to Slack as well.
            found = {
                "start": starts(webhooks.environment),
                "kept": invocations(webhooks, number, "CREATE_PROJECT"),
                "told": invocations(webhooks, number, "USER_ADMIN"),
                "resident_mib": round(webhooks.function.peak_mb * 1e3 / 1024, 1),
            }
    server.close()
    return found


if __name__ == "__main__":
    if sys.argv[1] == "requests":
        write_requests(Path(sys.argv[2]))
    else:
        print(json.dumps(function(int(sys.argv[2]))))
