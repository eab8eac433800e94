"""The command line: what it says, to people and to programs."""

import json
import subprocess
import unicodedata

import pytest

from binary import BINARY, DONE, FAILED, LOOK_NEEDED, WRONG_ARGUMENTS, immuta_watch
from records import ndjson, record, webhook_deleted

COMMANDS = ("run", "inspect", "alerts", "explain", "impact", "rules", "verify", "simulate")
LEVELS = ["informational", "low", "medium", "high", "critical"]


# Help and arguments


def test_help_names_every_command_where_to_start_and_the_exit_codes():
    said = immuta_watch("--help").out
    for command in COMMANDS:
        assert f"\n  {command}" in said
    assert "Start with: immuta-watch inspect FOLDER" in said
    for code in ("0 done", "1 done, and something needs a look", "2 wrong arguments", "3 could not be done"):
        assert code in " ".join(said.split())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run", ["--lake", "--rules", "--config", "--again", "--jobs", "--json", "<EXPORTS>..."]),
        ("inspect", ["--rules", "--config", "--json", "<EXPORTS>..."]),
        ("alerts", ["--lake", "--level", "--question", "--rule", "--about", "--since", "--until", "--limit"]),
        ("explain", ["--lake", "--rules", "--json", "<ID>"]),
        ("impact", ["--lake", "--span", "--from", "--to", "--limit", "--json", "[EVENT]"]),
        ("rules", ["check", "test", "explain"]),
        ("verify", ["--lake", "--exports", "--json"]),
        ("simulate", ["--out", "--seed", "--days", "--events-per-day", "--quiet-tenant"]),
    ],
)
def test_help_of_a_command_names_its_options(command, words):
    said = immuta_watch(command, "--help").out
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["run", "exports"],
        ["run", "exports", "--lake", "lake", "--jobs", "0"],
        ["run", "exports", "--lake", "lake", "--no-such-option"],
        ["alerts"],
        ["alerts", "--lake", "lake", "--level", "loud"],
        ["alerts", "--lake", "lake", "--since", "yesterday"],
        ["explain", "no-id", "--lake", "lake"],
        ["impact", "an-event", "--lake", "lake", "--from", "2026-11-01"],
        ["simulate", "--out", "out", "--days", "many"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_end_with_2_and_the_usage(arguments, tmp_path):
    ran = immuta_watch(*arguments, expect=WRONG_ARGUMENTS, cwd=tmp_path)
    assert "--help" in ran.err or "Usage" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_level_is_answered_with_those_there_are():
    ran = immuta_watch("alerts", "--lake", "lake", "--level", "loud", expect=WRONG_ARGUMENTS)
    for level in LEVELS:
        assert level in ran.err


def test_export_hours_that_do_not_divide_a_day_are_an_error(tmp_path):
    ran = immuta_watch("simulate", "--out", tmp_path / "out", "--export-hours", 5, expect=None)
    assert ran.code in (WRONG_ARGUMENTS, FAILED)
    assert "24" in ran.err
    assert not (tmp_path / "out").exists()


# run


def test_run_prints_the_conservation_line_the_lake_and_how_to_ask_it_more(tenant, tmp_path):
    lake = tmp_path / "lake"
    said = immuta_watch("run", tenant.exports, "--lake", lake).out
    assert " read = " in said and " classified + " in said and " quarantined + " in said
    assert "would interrupt somebody" in said
    assert f"The lake is in {lake}" in said
    for question in ("permissions", "watcher", "policies"):
        assert question in said


def test_the_command_that_run_recommends_for_an_alert_works(tenant, tmp_path):
    said = immuta_watch("run", tenant.exports, "--lake", tmp_path / "lake").out
    [show] = [line.split() for line in said.splitlines() if " explain " in line]
    assert "What to do" in immuta_watch(*show[1:]).out


def test_run_as_json_says_the_same_as_its_text(tenant, tenant_lake):
    report = immuta_watch("run", tenant.exports, "--lake", tenant_lake, "--json").json
    said = immuta_watch("run", tenant.exports, "--lake", tenant_lake).out
    counts = report["counts"]
    line = "{read:,} read = {classified:,} classified + {quarantined:,} quarantined + {blank:,} blank".format(**counts)
    assert line in said
    assert f"{report['alerts']:,} alerts in the lake, {report['notifications']:,} of which" in said


# inspect


def test_inspect_lists_kinds_unknown_kinds_fields_and_times(tenant):
    seen = immuta_watch("inspect", tenant.exports, "--json").json
    said = immuta_watch("inspect", tenant.exports).out
    assert seen["events"] == tenant.truth["events"]
    assert sum(seen["kinds"].values()) + seen.get("other_kinds", 0) == seen["events"]
    assert seen["unknown_kinds"], "the simulated tenant has a kind that Immuta does not document"
    for kind in [*seen["kinds"], *seen["unknown_kinds"]]:
        assert kind in said
    assert "not in Immuta's documentation" in said
    fields = {found["field"]: found for found in seen["fields"]}
    assert fields["watch.actor"]["resolved"] == fields["watch.actor"]["expected"]
    for field in fields:
        assert field in said
    assert seen["first"][:10] == "2026-10-01" and seen["last"][:10] == "2026-10-08"
    assert seen["lateness"]["median_minutes"] <= seen["lateness"]["p95_minutes"]


def test_inspect_names_the_rules_that_are_blind_on_this_data(tmp_path):
    export = tmp_path / "export.json"
    nameless = record("PermissionApplied", targets=[], auditPayload={"type": "PermissionAppliedAuditPayload"})
    export.write_bytes(ndjson(*({**nameless, "id": str(number)} for number in range(20))))
    seen = immuta_watch("inspect", export, "--json").json
    assert "permission_granted" in [blind["rule"] for blind in seen["blind_rules"]]
    assert "permission_granted" in immuta_watch("inspect", export).out


def test_inspect_counts_duplicates_unreadable_lines_and_lateness(tmp_path):
    export = tmp_path / "export.json"
    twice = record(number=1)
    late = {**twice, "receivedTimestamp": "2026-11-02T18:00:00Z"}
    export.write_bytes(ndjson(twice, late, record(number=2)) + b"garbage\n\n")
    seen = immuta_watch("inspect", export, "--json").json
    assert (seen["events"], seen["duplicates"], seen["blank"]) == (3, 1, 1)
    assert sum(seen["unreadable"].values()) == 1
    assert seen["lateness"]["longest_minutes"] > 7 * 60


def test_inspect_writes_nothing(tmp_path):
    (tmp_path / "export.json").write_bytes(ndjson(record()))
    immuta_watch("inspect", tmp_path, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["export.json"]


# alerts


def listed(lake, *filters):
    return immuta_watch("alerts", "--lake", lake, "--limit", 0, "--json", *filters).json_lines


def test_alerts_come_highest_level_first_and_latest_first_within_a_level(tenant_lake):
    alerts = listed(tenant_lake)
    order = [(-LEVELS.index(alert["level"]), alert["first"]) for alert in alerts]
    assert [level for level, _ in order] == sorted(level for level, _ in order)
    for (level, first), (next_level, next_first) in zip(order, order[1:]):
        assert level != next_level or first >= next_first


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        (["--level", "medium"], lambda alert: LEVELS.index(alert["level"]) >= LEVELS.index("medium")),
        (["--notify"], lambda alert: alert["route"] in ("notification", "both")),
        (["--question", "permissions"], lambda alert: alert["question"] == "permissions"),
        (["--rule", "query_denied"], lambda alert: alert["rule"] == "query_denied"),
        (["--about", "SVC-AIRFLOW"], lambda alert: "svc-airflow" in json.dumps(alert["key"]).lower()),
        (["--since", "2026-10-05"], lambda alert: alert["window_start"] >= "2026-10-05"),
        (["--until", "2026-10-05"], lambda alert: alert["window_start"] < "2026-10-06"),
    ],
    ids=lambda value: value[0].strip("-") if isinstance(value, list) else "",
)
def test_a_filter_lists_just_what_it_says(tenant_lake, filters, holds):
    everything = listed(tenant_lake)
    found = listed(tenant_lake, *filters)
    assert [alert["id"] for alert in found] == [alert["id"] for alert in everything if holds(alert)]
    assert 0 < len(found) < len(everything)


def test_filters_together_narrow_each_other(tenant_lake):
    found = listed(tenant_lake, "--rule", "query_denied", "--since", "2026-10-03", "--until", "2026-10-03")
    assert found
    assert {(alert["rule"], alert["window_start"][:10]) for alert in found} == {("query_denied", "2026-10-03")}


def test_a_rule_is_found_by_its_id_too(tenant_lake):
    by_name = listed(tenant_lake, "--rule", "webhook_deleted")
    assert by_name and by_name == listed(tenant_lake, "--rule", by_name[0]["rule_id"])


def test_the_limit_is_kept_and_what_is_left_out_is_counted(tenant_lake):
    total = len(listed(tenant_lake))
    said = immuta_watch("alerts", "--lake", tenant_lake, "--limit", 3).out
    assert f"and {total - 3:,} more" in said
    assert len(immuta_watch("alerts", "--lake", tenant_lake, "--limit", 3, "--json").json_lines) == 3


def test_no_alert_of_that_kind_is_no_error(tenant_lake):
    said = immuta_watch("alerts", "--lake", tenant_lake, "--about", "nobody of that name").out
    assert said.startswith("No alert")
    assert listed(tenant_lake, "--about", "nobody of that name") == []


def test_explain_says_what_happened_why_and_what_to_do(tenant_lake):
    for alert in listed(tenant_lake, "--notify"):
        said = immuta_watch("explain", alert["id"], "--lake", tenant_lake).out
        for words in (alert["title"], alert["level"], alert["question"], alert["rule"], "What to do"):
            assert words in said
        for because in alert["raised"]:
            assert " ".join(because.split()) in " ".join(said.split())
        for example in alert["examples"]:
            assert example["key"] in said
            for held in example["conditions"]:
                assert held["field"] in said


def test_explain_as_json_has_what_the_list_prints_and_the_rule(tenant_lake):
    alert = listed(tenant_lake, "--rule", "permission_granted")[0]
    explained = immuta_watch("explain", alert["id"], "--lake", tenant_lake, "--json").json
    for name in alert:
        assert explained[name] == alert[name]
    assert explained["explained_by"]["runbook"] and explained["explained_by"]["level"] == "low"
    for example, listed_example in zip(explained["examples"], alert["examples"], strict=True):
        assert example == listed_example
        assert {"selection": "selection", "field": "watch.kind", "value": '"PermissionApplied"'}.items() <= (
            example["conditions"][0].items()
        )


def test_explain_of_an_alert_that_is_not_there_says_how_to_list_those_that_are(tenant_lake):
    ran = immuta_watch("explain", "20261002-0123456789abcdef", "--lake", tenant_lake, expect=FAILED)
    assert "there is no alert 20261002-0123456789abcdef" in ran.err
    assert "immuta-watch alerts --lake" in ran.err


# Text from events is hostile

HOSTILE = "\x1b[2J\x1b]0;owned\x07evil\r\nok the lake is whole\u202egnp.exe\u2066\u200b\x9b31m"


@pytest.fixture
def hostile_export(tmp_path):
    actor = {"type": "USER_ACTOR", "id": HOSTILE, "name": HOSTILE, "identityProvider": HOSTILE}
    target = [{"type": "WEBHOOK", "id": HOSTILE, "name": HOSTILE}]
    export = tmp_path / "export.json"
    lines = [
        webhook_deleted(1, actor=actor, targets=target, userAgent=HOSTILE, id=HOSTILE),
        record("Evil", 2, auditPayload={"type": HOSTILE}, actor=actor),
        record("PermissionApplied", 3, actor=actor, auditPayload={"type": "PermissionAppliedAuditPayload", "permissions": [HOSTILE]}),
    ]  # fmt: skip
    export.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return export


def assert_harmless(text: str):
    """No control character but the line end, and nothing that hides or changes the direction of writing."""
    found = {character for character in text if unicodedata.category(character) in ("Cc", "Cf")} - {"\n"}
    assert not found, f"{sorted(map(hex, map(ord, found)))} in {text!r}"
    assert not any(line.startswith("ok the lake is whole") for line in text.splitlines())


def test_hostile_names_do_not_reach_the_terminal(hostile_export, tmp_path):
    lake = tmp_path / "lake"
    ran = immuta_watch("run", hostile_export, "--lake", lake)
    assert_harmless(ran.out + ran.err)
    assert_harmless(immuta_watch("inspect", hostile_export).out)
    assert_harmless(immuta_watch("alerts", "--lake", lake).out)
    alerts = listed(lake)
    assert {alert["rule"] for alert in alerts} >= {"webhook_deleted", "permission_granted"}
    for alert in alerts:
        said = immuta_watch("explain", alert["id"], "--lake", lake).out
        assert_harmless(said)
        assert "evil" in said


def test_hostile_names_as_json_are_escaped_and_whole(hostile_export, tmp_path):
    immuta_watch("run", hostile_export, "--lake", tmp_path / "lake")
    out = immuta_watch("alerts", "--lake", tmp_path / "lake", "--json").out
    assert "\x1b" not in out and "\r" not in out
    [alert] = [alert for alert in map(json.loads, out.splitlines()) if alert["rule"] == "webhook_deleted"]
    assert alert["key"]["watch.actor"] == [HOSTILE]


def test_hostile_file_names_do_not_reach_the_terminal(tmp_path):
    export = tmp_path / "\x1b[2Jexport\u202e.gz"
    export.write_bytes(b"\x1f\x8b\x08")
    for arguments in (["run", tmp_path, "--lake", tmp_path / "lake"], ["inspect", tmp_path]):
        ran = immuta_watch(*arguments, expect=LOOK_NEEDED)
        assert_harmless(ran.out + ran.err)
    ran = immuta_watch("inspect", tmp_path / "\x1b[2Jmissing", expect=FAILED)
    assert_harmless(ran.out + ran.err)


# rules


def test_the_pack_inside_the_program_and_that_of_the_repository_are_one(pack):
    inside, beside = immuta_watch("rules", "check").out, immuta_watch("rules", "check", "--rules", pack).out
    assert inside.split("(hash ")[1] == beside.split("(hash ")[1]


def test_the_examples_of_all_rules_pass():
    assert " 0 failed" in immuta_watch("rules", "test").out


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("level: high\n", "level: loud\n", "loud"),
        ("  question: watcher\n", "  questoin: watcher\n", "questoin"),
        ("  question: watcher\n", "  question: webhooks\n", "webhooks"),
        ("    watch.kind: WebhookDeleted", "    watch.kid: WebhookDeleted", "watch.kid"),
        ("  condition: selection\n", "  condition: slection\n", "slection"),
        ("  window: 1h\n", "  window: 7h\n", "7h"),
        ("  alert_key: [watch.actor]", "  alert_key: [watch.subject]", "watch.actor"),
        ("    watch.kind: WebhookDeleted", "    watch.kind|expand: '%no_such_list%'", "no_such_list"),
        ("id: c2e7341b-083b-4d56-abff-42083f6e2de9", "id: 3254f4cc-d245-4719-828a-243a4937b844", "3254f4cc"),
    ],
    ids=[
        "level", "unknown key", "question", "field", "condition", "window", "alert key", "missing list", "id of another",
    ],
)  # fmt: skip
def test_a_wrong_rule_is_told_with_file_and_line(pack, before, after, words):
    rule = pack / "watcher" / "webhook_deleted.yml"
    text = rule.read_text()
    assert before in text
    rule.write_text(text.replace(before, after, 1))
    number = text[: text.index(before)].count("\n") + 1
    ran = immuta_watch("rules", "check", "--rules", pack, expect=LOOK_NEEDED)
    told = [line for line in ran.err.splitlines() if words in line]
    assert told, ran.err
    assert any(f"watcher/webhook_deleted.yml:{number}:" in line for line in told), ran.err


def test_all_errors_of_a_pack_are_told_at_once(pack):
    for name in ("webhook_deleted", "api_key_changed"):
        rule = pack / "watcher" / f"{name}.yml"
        rule.write_text(rule.read_text().replace("question: watcher", "question: nothing"))
    ran = immuta_watch("rules", "check", "--rules", pack, expect=LOOK_NEEDED)
    assert "webhook_deleted.yml:" in ran.err and "api_key_changed.yml:" in ran.err
    assert "2 errors" in ran.err


def test_an_example_that_does_not_hold_is_told_with_file_and_line(pack):
    rule = pack / "watcher" / "webhook_deleted.yml"
    text = rule.read_text()
    rule.write_text(text.replace("watch.kind: WebhookDeleted", "watch.kind: WebhookCreated", 1))
    ran = immuta_watch("rules", "test", "--rules", pack, expect=LOOK_NEEDED)
    for kind, name in (("positive", "The permissions webhook deleted at night"), ("negative", "A webhook created")):
        number = text[: text.index(f"name: {name}\n")].count("\n") + 1
        assert f'watcher/webhook_deleted.yml:{number}: {kind} example "{name}"' in ran.out
    assert "2 failed" in ran.out


# Output that goes elsewhere than to a terminal


def every_command(tenant, lake, out):
    alert = listed(lake)[0]["id"]
    return [
        ["--help"],
        ["run", tenant.exports, "--lake", lake],
        ["inspect", tenant.exports],
        ["alerts", "--lake", lake],
        ["explain", alert, "--lake", lake],
        ["rules", "check"],
        ["rules", "test"],
        ["verify", "--lake", lake],
        ["simulate", "--out", out, "--days", 1, "--events-per-day", 50],
    ]


def test_piped_output_has_no_colours_and_no_progress(tenant, tenant_lake, tmp_path):
    for arguments in every_command(tenant, tenant_lake, tmp_path / "out"):
        ran = immuta_watch(*arguments)
        assert "\x1b" not in ran.out + ran.err, arguments
        assert "\r" not in ran.out + ran.err, arguments
        assert ran.err == "", arguments


def test_json_is_json_on_every_command_that_offers_it(tenant, tenant_lake):
    alert = listed(tenant_lake)[0]["id"]
    for arguments in (
        ["run", tenant.exports, "--lake", tenant_lake],
        ["inspect", tenant.exports],
        ["explain", alert, "--lake", tenant_lake],
        ["verify", "--lake", tenant_lake],
    ):
        assert isinstance(immuta_watch(*arguments, "--json").json, dict)


def test_a_reader_who_has_seen_enough_is_no_error(tenant, tenant_lake, tmp_path):
    commands = every_command(tenant, tenant_lake, tmp_path / "out")
    commands += [["alerts", "--lake", tenant_lake, "--limit", 0, "--json"], ["inspect", tenant.exports, "--json"]]
    for arguments in commands:
        process = subprocess.Popen(
            [BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        process.stdout.close()  # as `| head -0` does; the first write meets a closed pipe
        said = process.stderr.read().decode()
        process.stderr.close()
        assert (process.wait(60), said) == (DONE, ""), arguments


def test_the_first_line_of_a_long_list_can_be_taken(tenant_lake):
    command = f"set -o pipefail; '{BINARY}' alerts --lake '{tenant_lake}' --limit 0 --json | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (DONE, b"")
    json.loads(done.stdout)
