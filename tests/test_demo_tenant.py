"""The simulated tenant: every planted incident is found, and nothing else interrupts anybody."""

import duckdb
import pytest

from binary import immuta_watch
from conftest import simulated

NOTIFYING = ("notification", "both")


class Watched:
    """A tenant, and the alerts of its lake."""

    def __init__(self, folder, seed, *more):
        self.tenant = simulated(folder, seed, 8, 1500, 60, 80, *more)
        self.lake = folder / "lake"
        self.report = immuta_watch("run", self.tenant.exports, "--lake", self.lake, "--json").json
        self.alerts = immuta_watch("alerts", "--lake", self.lake, "--limit", 0, "--json").json_lines
        ledgers = f"read_parquet('{self.lake}/ledger/*/*/*.parquet', union_by_name = true)"
        self.keys = {}
        for event_id, key in duckdb.sql(f"SELECT event_id, event_key FROM {ledgers}").fetchall():
            self.keys.setdefault(event_id, set()).add(key)

    def alerts_of(self, incident):
        """The alerts that the incident's event is part of, by its id, the ledger, and the keys that alerts keep."""
        keys = self.keys[incident["event_id"]]
        return [alert for alert in self.alerts if keys & set(alert["events"])]


@pytest.fixture(scope="module", params=[1, 4711])
def watched(request, tmp_path_factory):
    return Watched(tmp_path_factory.mktemp("watched"), request.param)


def test_the_tenant_has_incidents_to_find(watched):
    incidents = watched.tenant.truth["incidents"]
    assert len(incidents) >= 9
    assert len({incident["rule"] for incident in incidents}) >= 8


def test_every_planted_incident_is_found_with_its_rule_level_and_route(watched):
    for incident in watched.tenant.truth["incidents"]:
        found = [(alert["rule"], alert["level"], alert["route"]) for alert in watched.alerts_of(incident)]
        assert (incident["rule"], incident["level"], incident["route"]) in found, incident


def test_one_incident_is_one_alert(watched):
    for incident in watched.tenant.truth["incidents"]:
        assert len(watched.alerts_of(incident)) == 1, incident


def test_an_alert_of_an_incident_names_its_question_and_its_actor_and_holds_its_record(watched):
    for incident in watched.tenant.truth["incidents"]:
        [alert] = watched.alerts_of(incident)
        assert alert["question"] == incident["question"]
        assert incident["actor"] in alert["key"]["watch.actor"]
        if alert["count"] <= len(alert["examples"]):
            assert incident["event_id"] in [example["record"]["id"] for example in alert["examples"]]


def test_nothing_but_planted_incidents_interrupts_anybody(watched):
    planted = {alert["id"] for incident in watched.tenant.truth["incidents"] for alert in watched.alerts_of(incident)}
    others = [alert for alert in watched.alerts if alert["route"] in NOTIFYING and alert["id"] not in planted]
    assert others == []


def test_the_sums_come_out_even_with_what_was_simulated(watched):
    truth, counts = watched.tenant.truth, watched.report["counts"]
    assert watched.report["conserved"]
    assert counts["classified"] == truth["events"]
    assert counts["quarantined"] == truth["damaged"] > 0
    assert counts["blank"] == truth["blank"] > 0
    assert watched.report["exports"] == truth["exports"]


@pytest.mark.parametrize("seed", [1, 4711])
def test_in_a_quiet_tenant_nobody_is_interrupted(tmp_path, seed):
    quiet = Watched(tmp_path, seed, "--quiet-tenant")
    assert quiet.tenant.truth["incidents"] == []
    assert [alert for alert in quiet.alerts if alert["route"] in NOTIFYING] == []
    assert quiet.report["notifications"] == 0


def test_a_seed_is_a_tenant(tmp_path):
    one, same, other = (simulated(tmp_path / name, seed, 2, 300) for name, seed in [("a", 5), ("b", 5), ("c", 6)])
    content = lambda tenant: [(file.relative_to(tenant.exports), file.read_bytes()) for file in tenant.files]  # noqa: E731
    assert content(one) == content(same) != content(other)
