"""What `explain` says of who was told: read from delivery records as docs/notifications.md and the lake's names have them.

No command delivers from a folder yet, so the records are written here, in the form that the library writes them.
"""

import json

import pytest

from binary import immuta_watch
from records import ndjson, webhook_deleted

SENT = {"state": "sent", "attempts": 1, "since": "2026-11-23T08:00:00Z", "until": "2026-11-23T08:00:01Z", "in_doubt": False}


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "export.ndjson").write_bytes(ndjson(webhook_deleted()))
    immuta_watch("run", tmp_path / "export.ndjson", "--lake", tmp_path / "lake")
    return tmp_path / "lake"


def the_alert(lake) -> dict:
    return json.loads(immuta_watch("alerts", "--lake", lake, "--json").out.splitlines()[0])


def write_record(lake, alert: dict, destination: str, record: dict) -> None:
    date, clock = alert["window_start"][:10], alert["window_start"][11:16].replace(":", "")
    folder = lake / "deliveries" / f"date={date}" / alert["rule_id"] / clock
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{destination}.json").write_text(json.dumps(record))


def explained(lake, alert: dict) -> str:
    return " ".join(immuta_watch("explain", alert["id"], "--lake", lake).out.split("Who was told")[1].split())


def test_without_a_delivery_record_nobody_was_told(lake):
    alert = the_alert(lake)
    assert explained(lake, alert).startswith("Nobody: there is no delivery record of it.")
    told = json.loads(immuta_watch("explain", alert["id"], "--lake", lake, "--json").out)["told"]
    assert told == {"notifies": True, "destinations": {}, "in_the_outbox": False, "perhaps_in_summaries": []}


def test_each_destination_is_named_with_how_it_was_told(lake):
    alert = the_alert(lake)
    doubtful = SENT | {"state": "possibly_repeated", "attempts": 2, "in_doubt": True}
    pending = SENT | {"state": "pending", "reason": "it answered 503: \u202eslow down"}
    rejected = SENT | {"state": "rejected", "reason": "it answered 400: invalid_payload"}
    write_record(lake, alert, "a", {"alerts": {alert["id"]: SENT}})
    write_record(lake, alert, "b", {"alerts": {alert["id"]: doubtful}})
    write_record(lake, alert, "c", {"alerts": {alert["id"]: pending}})
    write_record(lake, alert, "d", {"alerts": {alert["id"]: rejected}})
    write_record(lake, alert, "e", {"alerts": {}, "folded": {"alerts": 14, "delivery": SENT}})
    said = explained(lake, alert)
    for part in (
        "a: told at 2026-11-23T08:00:01Z",
        "b: told at 2026-11-23T08:00:01Z, at attempt 2, possibly repeated",
        "c: not told yet: it answered 503: \\u{202e}slow down; tried again after 2026-",
        "d: not told, and not tried again since 2026-11-23T08:00:01Z: it answered 400: invalid_payload",
        "e: not by itself, but among 14 alerts of its rule and window in one message: told at",
    ):
        assert part in said, said
    told = json.loads(immuta_watch("explain", alert["id"], "--lake", lake, "--json").out)["told"]
    assert list(told["destinations"]) == ["a", "b", "c", "d", "e"]
    assert told["destinations"]["c"]["by_itself"]["state"] == "pending"
    assert told["destinations"]["e"]["among_many"]["alerts"] == 14


def test_an_alert_that_may_be_in_a_summary_is_said_to_be(lake):
    alert = the_alert(lake)
    folder = lake / "deliveries" / "date=2099-01-01" / "late"
    folder.mkdir(parents=True)
    (folder / "chat.json").write_text(json.dumps({"alerts": {}, "folded": {"alerts": 3, "delivery": SENT}}))
    assert "chat: perhaps in the summary of 3 old alerts that were found on 2099-01-01: told at" in explained(lake, alert)


def test_a_damaged_record_is_an_error_that_names_it(lake):
    alert = the_alert(lake)
    write_record(lake, alert, "chat", {"alerts": 7})
    failed = immuta_watch("explain", alert["id"], "--lake", lake, expect=3)
    assert "the delivery records cannot be read" in failed.err and "chat.json" in failed.err


def test_a_notice_is_explained_by_its_id(lake):
    notice = {
        "kind": "notice", "id": "20261123-5c0f3a9be1d24c77", "alert": "20261123-5c0f3a9be1d24c77", "level": "high",
        "route": "both", "question": "watcher", "rule": "8a3d7f0e-6f0c-4c1b-9d0e-2f6f3b1d5a02",
        "rule_name": "export_gone", "tenant": None, "headline": "An export was gone before it was read",
        "facts": [{"label": "export", "value": "s3://audit/x.json"}], "count": 1, "first": "2026-11-23T08:00:00Z",
        "last": "2026-11-23T08:00:00Z", "why": ["It is in no ledger."], "what_to_do": ["Find out who removed it."],
        "places": [], "look": "aws s3api list-object-versions --bucket audit",
    }
    path = lake / "notices" / "date=2026-11-23" / f"{notice['id']}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notice))
    alert = {"window_start": "2026-11-23T00:00:00Z", "rule_id": notice["rule"]}
    write_record(lake, alert, "chat", {"alerts": {notice["id"]: SENT}})
    said = " ".join(immuta_watch("explain", notice["id"], "--lake", lake).out.split())
    assert "An export was gone before it was read · high" in said and "s3://audit/x.json" in said
    assert "Find out who removed it." in said and "chat: told at 2026-11-23T08:00:01Z" in said
    report = json.loads(immuta_watch("explain", notice["id"], "--lake", lake, "--json").out)
    assert report["headline"] == notice["headline"] and list(report["told"]["destinations"]) == ["chat"]
