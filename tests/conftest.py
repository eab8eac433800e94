"""What the end-to-end tests share: a simulated tenant, its lake, and the rule that nothing is skipped on CI."""

import json
import os
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from binary import BINARY, CLASSIFY, ROOT, SWEEP, WEBHOOK, immuta_watch

NO_SKIPS = os.environ.get("NO_SKIPS") == "1"
# The tenants of test_demo_tenant.py: drawn anew in each run, printed at its head, repeated with SEEDS=7,8.
SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "").split(",") if seed] or sorted(random.sample(range(10**6), 20))


def pytest_report_header():
    return f"simulated tenants: SEEDS={','.join(map(str, SEEDS))}"


def pytest_configure(config):
    programs = {
        "IMMUTA_WATCH": BINARY,
        "IMMUTA_WATCH_CLASSIFY": CLASSIFY,
        "IMMUTA_WATCH_SWEEP": SWEEP,
        "IMMUTA_WATCH_WEBHOOK": WEBHOOK,
    }
    for variable, program in programs.items():
        if not os.access(program, os.X_OK):
            raise pytest.UsageError(
                f"there is no program at {program}; build it with `make build`, or name another with {variable}"
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With NO_SKIPS=1, a skipped test has failed."""
    report = yield
    if NO_SKIPS and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"NO_SKIPS=1, and this test was skipped: {reason}"
    return report


class Tenant(NamedTuple):
    """A simulated tenant."""

    exports: Path
    truth: dict
    configuration: Path = Path()

    @property
    def files(self) -> list:
        return sorted(path for path in self.exports.rglob("*") if path.is_file())


def simulated(folder: Path, seed: int, days=8, events_per_day=1500, users=60, data_sources=80, *more) -> Tenant:
    immuta_watch(
        "simulate", "--out", folder, "--seed", seed, "--days", days, "--events-per-day", events_per_day,
        "--users", users, "--data-sources", data_sources, *more,
    )  # fmt: skip
    truth = json.loads((folder / "truth.json").read_text())
    return Tenant(folder / "exports", truth, folder / truth["configuration"])


@pytest.fixture(scope="session")
def tenant(tmp_path_factory) -> Tenant:
    """Eight days of a small tenant. Not to be changed: copy it."""
    return simulated(tmp_path_factory.mktemp("tenant"), seed=1)


@pytest.fixture(scope="session")
def tenant_lake(tenant, tmp_path_factory) -> Path:
    """The lake of the tenant. Not to be changed: copy it."""
    lake = tmp_path_factory.mktemp("tenant-lake") / "lake"
    immuta_watch("run", tenant.exports, "--lake", lake)
    return lake


@pytest.fixture(scope="session")
def small_tenant(tmp_path_factory) -> Tenant:
    """Two days in few exports: quick to classify many times over. Not to be changed: copy it."""
    folder = tmp_path_factory.mktemp("small-tenant")
    return simulated(folder, 7, 2, 600, 30, 40, "--export-hours", 6)


@pytest.fixture
def pack(tmp_path) -> Path:
    """A copy of the project's pack, to be changed."""
    return Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))


@pytest.fixture(scope="session")
def other_pack(tmp_path_factory) -> Path:
    """The project's pack with one rule changed in all that it decides. Not to be changed further."""
    folder = tmp_path_factory.mktemp("other-pack") / "rules"
    shutil.copytree(ROOT / "rules", folder)
    rule = folder / "queries" / "query_failed.yml"
    text = rule.read_text()
    changed = text.replace("\nlevel: informational\n", "\nlevel: critical\n", 1).replace("window: 1d", "window: 6h")
    assert changed != text, "the rule no longer reads as this fixture expects"
    rule.write_text(changed)
    return folder


@pytest.fixture(scope="session")
def aws_server():
    """The one server of S3, SQS, SNS and the others. Tests use `cloud`."""
    # Here, because these modules are slow to load and most tests do without them.
    from aws import Server

    server = Server()
    yield server
    server.close()


@pytest.fixture
def cloud(aws_server):
    """Buckets, queues, topics and secrets of this test alone."""
    from aws import Cloud

    aws_server.calls.clear()
    yield Cloud(aws_server)
    aws_server.on_call = None


@pytest.fixture
def slack():
    """A Slack that answers as it is told."""
    from slack import Slack

    with Slack() as slack:
        yield slack
