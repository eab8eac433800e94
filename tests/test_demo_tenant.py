"""The simulated tenant: over twenty fresh seeds, every planted incident is found with its level and route, and nothing
else interrupts anybody.

The seeds are drawn anew in each run, printed at its head, and stand in the names of the tests; SEEDS=7,8 repeats those.
"""

import duckdb
import pytest

from binary import immuta_watch
from conftest import SEEDS, simulated

NOTIFYING = ("notification", "both")
# Every question that a single event can answer has its incident.
QUESTIONS = 18


class Watched:
    """A tenant, and the alerts of its lake."""

    def __init__(self, folder, seed, *more):
        self.tenant = simulated(folder, seed, 8, 1500, 120, 300, *more)
        self.lake = folder / "lake"
        run = ["run", self.tenant.exports, "--lake", self.lake, "--config", self.tenant.configuration, "--json"]
        self.report = immuta_watch(*run).json
        self.alerts = immuta_watch("alerts", "--lake", self.lake, "--limit", 0, "--json").json_lines
        ledgers = f"read_parquet('{self.lake}/ledger/*/*/*.parquet', union_by_name = true)"
        self.keys = {}
        for event_id, key in duckdb.sql(f"SELECT event_id, event_key FROM {ledgers}").fetchall():
            self.keys.setdefault(event_id, set()).add(key)
        self.by_key = {}
        for alert in self.alerts:
            for key in alert["events"]:
                self.by_key.setdefault(key, []).append(alert)

    def alerts_of(self, planted):
        """The alerts that a planted event is part of, by its id, the ledger, and the keys that alerts keep."""
        return [alert for key in self.keys[planted["event_id"]] for alert in self.by_key.get(key, [])]


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed-{seed}")
def watched(request, tmp_path_factory):
    return Watched(tmp_path_factory.mktemp("watched"), request.param)


def test_the_tenant_has_incidents_to_find_and_near_misses_beside_them(watched):
    truth = watched.tenant.truth
    assert len({incident["question"] for incident in truth["incidents"]}) == QUESTIONS
    assert len(truth["incidents"]) >= 30
    assert len(truth["near_misses"]) >= len(truth["incidents"])


def test_every_planted_incident_is_found_with_its_rule_level_and_route(watched):
    for incident in watched.tenant.truth["incidents"]:
        found = [(alert["rule"], alert["level"], alert["route"]) for alert in watched.alerts_of(incident)]
        assert found == [(incident["rule"], incident["level"], incident["route"])], incident


def test_nothing_but_planted_incidents_interrupts_anybody(watched):
    planted = {alert["id"] for incident in watched.tenant.truth["incidents"] for alert in watched.alerts_of(incident)}
    others = [alert for alert in watched.alerts if alert["route"] in NOTIFYING and alert["id"] not in planted]
    assert others == []


def test_no_near_miss_interrupts_anybody(watched):
    for near_miss in watched.tenant.truth["near_misses"]:
        assert [alert["rule"] for alert in watched.alerts_of(near_miss) if alert["route"] in NOTIFYING] == [], near_miss


def test_an_alert_of_an_incident_names_its_question_and_its_actor_and_holds_its_record(watched):
    for incident in watched.tenant.truth["incidents"]:
        [alert] = watched.alerts_of(incident)
        assert alert["question"] == incident["question"]
        assert incident["actor"] in alert["key"]["watch.actor"]
        if incident["level"] != "informational" and incident["route"] != "dashboard":
            # What raised it is among the examples, however many other events the alert has.
            assert incident["event_id"] in [example["record"]["id"] for example in alert["examples"]]


def test_one_event_is_in_one_alert(watched):
    twice = {key: [alert["rule"] for alert in alerts] for key, alerts in watched.by_key.items() if len(alerts) > 1}
    assert twice == {}


def test_the_sums_come_out_even_with_what_was_simulated(watched):
    truth, counts = watched.tenant.truth, watched.report["counts"]
    assert watched.report["conserved"]
    assert counts["classified"] == truth["events"]
    assert counts["quarantined"] == truth["damaged"] > 0
    assert counts["blank"] == truth["blank"] > 0
    assert watched.report["exports"] == truth["exports"]


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_in_a_quiet_tenant_nobody_is_interrupted(tmp_path, seed):
    quiet = Watched(tmp_path, seed, "--quiet-tenant")
    assert quiet.tenant.truth["incidents"] == []
    assert [alert for alert in quiet.alerts if alert["route"] in NOTIFYING] == []
    assert quiet.report["notifications"] == 0


def test_a_seed_is_a_tenant(tmp_path):
    one, same, other = (simulated(tmp_path / name, seed, 2, 300) for name, seed in [("a", 5), ("b", 5), ("c", 6)])
    content = lambda tenant: [(file.relative_to(tenant.exports), file.read_bytes()) for file in tenant.files]  # noqa: E731
    assert content(one) == content(same) != content(other)
