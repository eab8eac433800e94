"""What the function classify takes, behind a Lambda runtime API and against S3, SQS, SNS and a Slack over HTTP.

functions.py LARGE MANY NUMBER: LARGE is one large export; the lines of MANY are taken for a NUMBER of small ones. Prints
JSON. Runs in the environment of the end-to-end tests, whose parts it uses: what stands in for AWS is what the tests trust.
"""

import gzip
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]
sys.dont_write_bytecode = True

from aws import Cloud, Server  # noqa: E402
from binary import CLASSIFY  # noqa: E402
from deployment import Deployment  # noqa: E402
from lambda_runtime import Function  # noqa: E402
from slack import Slack  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
STARTS = 20
# Lines of a small export: what a tenant of some hundred users leaves in a few minutes.
SMALL_LINES = 100
# How many processes the small exports are shared by. Lambda would start more; this machine has so many cores.
CONCURRENCY = os.cpu_count() or 1


def cpu_seconds(function: Function) -> float:
    """CPU time of the processes that are alive, user and system."""
    total = 0
    for environment in function.environments:
        if not environment.ended.is_set():
            fields = Path(f"/proc/{environment.process.pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def calls(server: Server) -> dict:
    """Calls of S3 that are billed: those that write or list, and those that read."""
    s3 = [call for call in server.calls if "s3" in call.headers.get("authorization", "").partition("Signature")[0]]
    # A list is a GET of the bucket alone.
    writes = [call for call in s3 if call.method in ("PUT", "POST") or (call.method == "GET" and call.path.count("/") < 2)]
    reads = [call for call in s3 if call.method in ("GET", "HEAD") and call not in writes]
    return {"writes_and_lists": len(writes), "reads": len(reads)}


def watch(deployment: Deployment, upload) -> dict:
    """Uploads, lets the function work until the queue is quiet, and says what that took."""
    names = upload()
    deployment.cloud.server.calls.clear()
    before, begun = cpu_seconds(deployment.function), time.monotonic()
    batches = deployment.source.run_until_quiet(limit_s=900)
    wall = time.monotonic() - begun
    failed = [message for batch in batches for message in batch.failed]
    if failed or len(deployment.manifests) < len(names):
        raise SystemExit("error: an export was not classified\n" + "\n".join(deployment.function.logs[-20:]))
    counts = [manifest["counts"] for manifest in deployment.manifests.values()]
    if any(each["read"] != each["classified"] + each["quarantined"] + each["blank"] for each in counts):
        raise SystemExit("error: an export's counts do not come out even")
    took = [line["DurationMilliseconds"] for line in deployment.lines("Export classified.")]
    return {
        "exports": len(names),
        "events": sum(each["classified"] for each in counts),
        "wall_seconds": round(wall, 3),
        "cpu_seconds": round(cpu_seconds(deployment.function) - before, 3),
        "resident_mib": round(deployment.function.peak_mb * 1e3 / 1024, 1),
        "median_ms": sorted(took)[len(took) // 2],
        "s3": calls(deployment.cloud.server),
    }


def large(cloud: Cloud, slack: Slack, export: Path) -> dict:
    """One large export, with the least memory that Lambda gives. Everything in it is old, so one summary is sent."""
    with Deployment(cloud, slack, IMMUTA_WATCH_LARGEST_EXPORT=str(2**40)) as deployment:
        deployment.function.timeout_s = 900
        return watch(deployment, lambda: [deployment.upload("large.json.gz", export.read_bytes())])


def small(cloud: Cloud, slack: Slack, export: Path, number: int) -> dict:
    """Many small exports at once."""
    parts = []
    with gzip.open(export, "rb") as lines:
        for _ in range(number):
            parts.append(gzip.compress(b"".join(next(lines) for _ in range(SMALL_LINES))))
    with Deployment(cloud, slack, concurrency=CONCURRENCY) as deployment:

        def upload():
            return [deployment.upload(f"{place}.json.gz", part) for place, part in enumerate(parts)]

        return watch(deployment, upload)


def starts(cloud: Cloud) -> dict:
    """From the start of the process to its first request for work, and until the first invocation is answered."""
    bucket = cloud.bucket("starts")
    environment = {**cloud.environment, "IMMUTA_WATCH_LAKE": f"s3://{bucket}/lake"}
    firsts = []
    for _ in range(STARTS):
        with Function(CLASSIFY, environment) as function:
            firsts.append(function.start().init_seconds * 1e3)
    return {"first_request_ms": round(min(firsts), 1), "median_ms": round(sorted(firsts)[STARTS // 2], 1)}


def first_invocation(cloud: Cloud, slack: Slack) -> float:
    """How much longer the first invocation of a process takes than the second: the pack is read and compiled."""
    with Deployment(cloud, slack) as deployment:
        took = []
        for number in range(3):
            deployment.upload(f"{number}.ndjson", b"\n")
            begun = time.monotonic()
            deployment.run()
            took.append((time.monotonic() - begun) * 1e3)
        return round(took[0] - min(took[1:]), 1)


def main() -> None:
    one, many, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    server = Server()
    with Slack() as slack:
        result = {
            "start": starts(Cloud(server)),
            "first_invocation_ms": first_invocation(Cloud(server), slack),
            "small": small(Cloud(server), slack, many, number),
            "large": large(Cloud(server), slack, one),
        }
    server.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
