"""The simulated tenant: over twenty fresh seeds, every planted incident is found with its level and route, and nothing
else interrupts anybody.

The seeds are drawn anew in each run, printed at its head, and stand in the names of the tests; SEEDS=7,8 repeats those.
"""

from datetime import datetime, timedelta

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
        self.correlated = [alert for alert in self.alerts if alert.get("found")]

    def alerts_of(self, planted):
        """The alerts that a planted event is part of, by its id, the ledger, and the keys that alerts keep."""
        return [alert for key in self.keys[planted["event_id"]] for alert in self.by_key.get(key, [])]

    def correlated_alerts_of(self, planted):
        """The alerts of a correlation with the group of what was planted, in which one of its events is shown."""
        keys = {key for event_id in planted["event_ids"] for key in self.keys[event_id]}
        group = {name: [value] for name, value in planted["group"].items()}
        of_group = [alert for alert in self.correlated if alert["rule"] == planted["rule"] and alert["key"] == group]
        return [alert for alert in of_group if keys & {moment["event"] for moment in alert["found"]["moments"]}]


def goes_on_after(alert, planted):
    """Whether what was planted goes on when the alert's window is over: it is told once, with what lies in the window."""
    end = datetime.fromisoformat(alert["window_start"]) + timedelta(hours=alert["window_hours"])
    return datetime.fromisoformat(planted["last"]) >= end


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed-{seed}")
def watched(request, tmp_path_factory):
    return Watched(tmp_path_factory.mktemp("watched"), request.param)


def test_the_tenant_has_incidents_to_find_and_near_misses_beside_them(watched):
    truth = watched.tenant.truth
    assert len({incident["question"] for incident in truth["incidents"]}) == QUESTIONS
    assert len(truth["incidents"]) >= 30
    # Events of correlations can be incidents by themselves, so some names are there more than once.
    assert len(truth["near_misses"]) >= len({incident["name"] for incident in truth["incidents"]})


def test_every_planted_incident_is_found_with_its_rule_level_and_route(watched):
    for incident in watched.tenant.truth["incidents"]:
        found = [(alert["rule"], alert["level"], alert["route"]) for alert in watched.alerts_of(incident)]
        assert found == [(incident["rule"], incident["level"], incident["route"])], incident


def test_nothing_but_planted_incidents_interrupts_anybody(watched):
    planted = {alert["id"] for incident in watched.tenant.truth["incidents"] for alert in watched.alerts_of(incident)}
    planted |= {alert["id"] for found in watched.tenant.truth["correlations"] for alert in watched.correlated_alerts_of(found)}
    others = [alert for alert in watched.alerts if alert["route"] in NOTIFYING and alert["id"] not in planted]
    assert others == []


def test_every_planted_correlation_is_found_with_its_level_and_route_and_its_time_line(watched):
    assert len({planted["rule"] for planted in watched.tenant.truth["correlations"]}) >= 10
    for planted in watched.tenant.truth["correlations"]:
        found = watched.correlated_alerts_of(planted)
        assert [(alert["level"], alert["route"]) for alert in found] == [(planted["level"], planted["route"])], planted
        shown = {moment["event"] for moment in found[0]["found"]["moments"]}
        keys = {key for event_id in planted["event_ids"] for key in watched.keys[event_id]}
        assert found[0]["first"] == planted["first"], planted
        if goes_on_after(found[0], planted):
            assert shown <= keys and found[0]["last"] < planted["last"], planted
        else:
            assert shown <= keys and (shown == keys or len(shown) >= 20), planted
            assert found[0]["last"] == planted["last"], planted


def test_nothing_but_what_was_planted_is_a_correlation(watched):
    planted = {alert["id"] for found in watched.tenant.truth["correlations"] for alert in watched.correlated_alerts_of(found)}
    assert [alert for alert in watched.correlated if alert["id"] not in planted] == []


def test_no_near_miss_is_a_correlation(watched):
    for near_miss in watched.tenant.truth["correlation_near_misses"]:
        assert watched.correlated_alerts_of(near_miss) == [], near_miss


def test_explain_shows_the_time_line_of_a_correlation(watched):
    planted = watched.tenant.truth["correlations"][0]
    [alert] = watched.correlated_alerts_of(planted)
    said = immuta_watch("explain", alert["id"], "--lake", watched.lake).out
    for moment in alert["found"]["moments"]:
        assert moment["time"].replace("+00:00", "Z") in said and moment["event"] in said


def test_explain_shows_every_event_of_a_correlation_if_it_is_asked_to(watched):
    for planted in watched.tenant.truth["correlations"]:
        [alert] = watched.correlated_alerts_of(planted)
        whole = immuta_watch("explain", alert["id"], "--lake", watched.lake, "--whole", "--json").json
        shown = {moment["event"] for moment in whole["found"]["moments"]}
        keys = {key for event_id in planted["event_ids"] for key in watched.keys[event_id]}
        assert len(shown) == alert["count"] and shown <= keys, planted
        assert shown == keys or goes_on_after(alert, planted), planted


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
