"""Bad input: each a clear error or an entry in quarantine, and nothing else is lost."""

import base64
import json
import os
import shutil
import time
import zlib
from pathlib import Path

import pytest
import zstandard

from binary import DONE, FAILED, LOOK_NEEDED, WRONG_ARGUMENTS, immuta_watch, measured, start
from lakes import ledger_rows, manifest, manifest_path, quarantine, source_of
from records import gzipped, line, ndjson, record, webhook_deleted

GOOD = ndjson(record("TagApplied", 1), record("TagUpdated", 2), record("TagDeleted", 3))
MEGABYTE = 1 << 20


class Classified:
    """One bad export beside a good one, and what a run made of them."""

    def __init__(self, folder):
        self.lake = folder / "lake"
        self.exports = folder / "exports"
        self.exports.mkdir()
        self.export = self.exports / "export"
        self.neighbour = self.exports / "neighbour.json"
        self.neighbour.write_bytes(ndjson(record(number=1), webhook_deleted(2), record(number=3)))

    def run(self, content: bytes, expect=DONE):
        """Classifies the export; whatever it is, the lake is whole and the neighbour is there."""
        self.export.write_bytes(content)
        self.report = immuta_watch("run", self.exports, "--lake", self.lake, "--json", expect=expect).json
        assert self.report["conserved"]
        assert immuta_watch("verify", "--lake", self.lake, "--exports", self.exports, "--json").json["whole"]
        assert manifest(self.lake, self.neighbour)["counts"]["classified"] == 3
        assert self.alerts("webhook_deleted") >= 1
        return self

    def alerts(self, rule):
        listed = immuta_watch("alerts", "--lake", self.lake, "--rule", rule, "--json", "--limit", 0)
        return len(listed.json_lines)

    @property
    def counts(self):
        counts = manifest(self.lake, self.export)["counts"]
        return counts["classified"], counts["quarantined"], counts["blank"]

    @property
    def ended_early(self):
        return manifest(self.lake, self.export).get("ended_early")

    @property
    def quarantined(self):
        """[(line, reason)]"""
        return [(entry["line"], entry["reason"]) for entry in quarantine(self.lake, self.export)]

    def rows(self, columns):
        return [row for ledger in ("access", "changes") for row in ledger_rows(self.lake, ledger, columns, self.export)]


@pytest.fixture
def classified(tmp_path):
    return Classified(tmp_path)


# Compressed exports


def test_a_truncated_gzip_keeps_what_was_read_and_says_so(classified):
    whole = ndjson(*(record(number=number, note=os.urandom(64).hex()) for number in range(2000)))
    compressed = gzipped(whole)
    classified.run(compressed[: len(compressed) // 2], expect=LOOK_NEEDED)
    assert classified.ended_early == "the compressed stream ends in the middle"
    [note] = classified.report["notes"]
    assert note["export"] == str(classified.export.resolve())
    assert "ends in the middle" in note["reason"]
    # The line that the cut went through is kept in quarantine; all before it are events.
    events, broken, _ = classified.counts
    assert 500 < events < 2000
    assert [number for number, _ in classified.quarantined] == [events + 1][:broken]


def test_a_gzip_that_is_damaged_in_the_middle_keeps_what_was_read_and_says_so(classified):
    compressed = bytearray(
        gzipped(ndjson(*(record(number=number, note=os.urandom(64).hex()) for number in range(2000))))
    )
    compressed[len(compressed) // 2 : len(compressed) // 2 + 64] = bytes(64)
    classified.run(bytes(compressed), expect=LOOK_NEEDED)
    assert classified.ended_early.startswith("the compressed stream is damaged")
    assert classified.counts[0] > 500


def test_a_gzip_of_several_members_is_read_to_its_end(classified):
    classified.run(b"".join(gzipped(ndjson(record(number=number))) for number in range(5)))
    assert classified.counts == (5, 0, 0)
    assert classified.ended_early is None


def test_zstd_is_told_by_its_first_bytes(classified):
    classified.run(zstandard.compress(GOOD))
    assert classified.counts == (3, 0, 0)
    assert manifest(classified.lake, classified.export)["compression"] == "zstd"


def test_a_truncated_zstd_says_so(classified):
    compressed = zstandard.compress(
        ndjson(*(record(number=number, note=os.urandom(64).hex()) for number in range(5000)))
    )
    classified.run(compressed[:-100], expect=LOOK_NEEDED)
    assert classified.ended_early == "the compressed stream ends in the middle"
    assert classified.counts[0] > 1000


def bomb(filler: bytes, megabytes=2048) -> bytes:
    # Level 1 would be quicker to make and expand less.
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    one = packer.compress(filler * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    again = zlib.compressobj(6, zlib.DEFLATED, -15)
    repeated = again.compress(filler * MEGABYTE) + again.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a block stands on its own, so it can be repeated instead of compressed anew. The end, with
    # the checksum, is left out: nobody gets that far.
    return one + repeated * (megabytes - 1)


@pytest.mark.parametrize("filler", [b"\0", b"\n", b" ", b"["], ids=["zeros", "newlines", "spaces", "brackets"])
def test_a_gzip_bomb_of_two_gigabytes_ends_quickly_with_the_reason(classified, filler):
    compressed = bomb(filler)
    assert len(compressed) < 4 * MEGABYTE
    classified.export.write_bytes(compressed)
    ran = measured("run", classified.exports, "--lake", classified.lake, "--json", timeout=20)
    assert ran.code == LOOK_NEEDED
    [note] = json.loads(ran.out)["notes"]
    assert "expands further than an audit log can" in note["reason"]
    assert ran.resident_mb < 200
    assert manifest(classified.lake, classified.neighbour)["counts"]["classified"] == 3


# Lines


def test_garbage_bytes_are_quarantined_as_base64(classified):
    garbage = bytes(range(128, 256)) * 4
    classified.run(GOOD + garbage + b"\n" + GOOD)
    assert classified.counts == (6, 1, 0)
    [entry] = quarantine(classified.lake, classified.export)
    assert entry["line"] == 4
    assert entry["offset"] == len(GOOD)
    assert entry["bytes"] == len(garbage)
    assert entry["reason"].startswith("not UTF-8")
    assert base64.b64decode(entry["base64"]) == garbage
    assert "text" not in entry


def test_a_file_of_nothing_but_garbage_is_quarantined(classified):
    classified.run(b"\x7fELF\x02\x01\x01" + bytes(4096) + os.urandom(4096).replace(b"\n", b""))
    assert classified.counts == (0, 1, 0)


def test_an_empty_file_is_an_export_without_lines(classified):
    classified.run(b"")
    assert classified.counts == (0, 0, 0)


def test_text_that_is_no_json_is_quarantined_whole(classified):
    classified.run(b"Error: no such host\n" + GOOD)
    [entry] = quarantine(classified.lake, classified.export)
    assert entry["text"] == "Error: no such host"
    assert entry["reason"].startswith("no JSON: ")
    assert classified.counts == (3, 1, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"7", "JSON, but no object"),
        (b'"text"', "JSON, but no object"),
        (b"null", "JSON, but no object"),
        (b"{}", "neither auditPayload.type nor action and targetType"),
        (b'{"action":"CREATE"}', "neither auditPayload.type nor action and targetType"),
        (b'{"auditPayload":{"type":"TagApplied"}', "no JSON: EOF"),
        (line(record()) + b" " + line(record()), "no JSON: trailing characters"),
    ],
    ids=["number", "string", "null", "empty", "half a kind", "not closed", "two on a line"],
)
def test_a_line_that_cannot_be_an_event_is_quarantined_with_the_reason(classified, text, reason):
    classified.run(GOOD + text + b"\n" + GOOD)
    [(number, found)] = classified.quarantined
    assert number == 4
    assert found.startswith(reason)
    assert classified.counts == (6, 1, 0)


def test_a_line_of_100_mb_is_quarantined_in_little_memory(classified):
    with classified.export.open("wb") as export:
        export.write(GOOD + b'{"auditPayload":{"type":"TagAppliedAuditPayload"},"note":"')
        for _ in range(100):
            export.write(b"x" * 1_000_000)
        export.write(b'"}\n' + GOOD)
    ran = measured("run", classified.exports, "--lake", classified.lake)
    assert ran.code == DONE
    assert ran.resident_mb < 200
    assert classified.counts == (6, 1, 0)
    [entry] = quarantine(classified.lake, classified.export)
    assert entry["line"] == 4
    assert entry["bytes"] > 100_000_000
    assert "past the cap for one line" in entry["reason"]
    assert entry["text"].startswith('{"auditPayload":{"type":"TagApplied')
    immuta_watch("verify", "--lake", classified.lake, "--exports", classified.exports)


def test_a_long_line_within_the_cap_is_an_event(classified):
    classified.run(GOOD + ndjson(record(note="x" * 10_000_000)))
    assert classified.counts == (4, 0, 0)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_nesting_10000_deep_is_quarantined(classified, opening, closing):
    deep = b'{"auditPayload":{"type":"X"},"deep":' + opening * 10_000 + b"1" + closing * 10_000 + b"}"
    classified.run(GOOD + deep + b"\n" + GOOD)
    [(number, reason)] = classified.quarantined
    assert number == 4
    assert "recursion limit" in reason
    assert classified.counts == (6, 1, 0)


def test_of_a_name_that_stands_twice_the_last_counts(classified):
    twice = line(record("TagApplied")).replace(
        b'"auditPayload"', b'"auditPayload":{"type":"TagDeleted"},"auditPayload"'
    )
    classified.run(twice + b"\n")
    assert classified.counts == (1, 0, 0)
    assert classified.rows("kind") == [("TagApplied",)]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"01"])
def test_what_is_no_number_in_json_is_quarantined(classified, number):
    bad = line(record()).replace(b'"version":1', b'"version":' + number)
    classified.run(GOOD + bad + b"\n" + GOOD)
    assert [number for number, _ in classified.quarantined] == [4]
    assert classified.quarantined[0][1].startswith("no JSON: ")
    assert classified.counts == (6, 1, 0)


@pytest.mark.parametrize("surrogate", [rb"\ud800", rb"\udc00", rb"\ud800\u0041"])
def test_a_lone_surrogate_is_quarantined(classified, surrogate):
    bad = line(record()).replace(b"Tag 1", surrogate)
    classified.run(GOOD + bad + b"\n" + GOOD)
    assert [number for number, _ in classified.quarantined] == [4]
    assert classified.counts == (6, 1, 0)


def test_a_pair_of_surrogates_is_one_character(classified):
    classified.run(line(record()).replace(b"Ada", rb"\ud83d\udd11") + b"\n")
    assert classified.rows("actor_name") == [("🔑",)]


def test_invalid_utf8_quarantines_that_line_alone(classified):
    bad = line(record()).replace(b"Ada", b"Zo\xeb")
    classified.run(GOOD + bad + b"\n" + GOOD)
    [entry] = quarantine(classified.lake, classified.export)
    assert entry["line"] == 4
    assert base64.b64decode(entry["base64"]) == bad
    assert classified.counts == (6, 1, 0)


@pytest.mark.parametrize("changes", [{"actor": 5}, {"targets": "none"}, {"actor": [{"id": None}]}, {"id": None}])
def test_fields_of_another_type_lose_no_event(classified, changes):
    classified.run(ndjson(record(**changes)))
    assert classified.counts == (1, 0, 0)


# Times


@pytest.mark.parametrize(
    ("written", "date", "time"),
    [
        ("2026-11-02T23:30:00-02:00", "2026-11-03", "2026-11-03 01:30:00"),
        ("2026-11-02T00:30:00+05:45", "2026-11-01", "2026-11-01 18:45:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31", "9999-12-31 23:59:59"),
        ("0001-01-01T00:00:00Z", "0001-01-01", "0001-01-01 00:00:00"),
    ],
)
def test_a_time_with_an_offset_or_far_away_is_read(classified, written, date, time):
    classified.run(ndjson(webhook_deleted(9, eventTimestamp=written)))
    columns = "CAST(date AS VARCHAR), strftime(event_time AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S')"
    [(found_date, found_time)] = classified.rows(columns)
    assert found_date == date
    assert found_time.zfill(19) == time
    assert classified.alerts("webhook_deleted") == 2, "it is in a window of its own"


@pytest.mark.parametrize("written", ["9999-12-31T23:59:59-02:00", "soon", "", 1793613600000, {"at": "noon"}, None])
def test_an_event_without_a_readable_time_goes_by_that_of_its_receipt(classified, written):
    classified.run(ndjson(record(eventTimestamp=written)))
    assert classified.rows("CAST(date AS VARCHAR)") == [("2026-11-02",)]


def test_an_event_without_any_time_is_kept_under_1970_and_counted(classified):
    classified.run(ndjson(webhook_deleted(9, eventTimestamp=None, receivedTimestamp=None)))
    assert classified.rows("CAST(date AS VARCHAR), event_time IS NULL") == [("1970-01-01", True)]
    assert manifest(classified.lake, classified.export)["counts"]["undated"] == 1


# Layout


def test_crlf_a_byte_order_mark_blank_lines_and_no_last_newline(classified):
    made = [record(number=number) for number in range(3)]
    classified.run(b"\xef\xbb\xbf" + b"\r\n\r\n".join(line(each) for each in made))
    assert classified.counts == (3, 0, 2)
    # White space is not part of an event: the same keys as without it.
    with_white_space = classified.rows("event_key")
    classified.run(ndjson(*made))
    assert classified.rows("event_key") == with_white_space


@pytest.mark.parametrize("indent", [None, 2], ids=["compact", "pretty-printed"])
def test_a_json_array_is_read_element_by_element(classified, indent):
    made = [record(number=1), record(number=2), {"no": "event"}, record(number=3, note="],[}{")]
    classified.run(json.dumps(made, indent=indent).encode())
    assert classified.counts == (3, 1, 0)
    assert [number for number, _ in classified.quarantined] == [3]


def test_a_json_array_that_is_not_closed_keeps_its_elements_and_says_so(classified):
    classified.run(b"[" + line(record(number=1)) + b"," + line(record(number=2)), expect=LOOK_NEEDED)
    assert classified.ended_early == "the JSON array is not closed"
    assert classified.counts == (2, 0, 0)


def test_a_large_file_of_white_space_takes_little_time_and_memory(classified):
    with classified.export.open("wb") as export:
        for _ in range(100):
            export.write(b" " * MEGABYTE)
        export.write(b"\n" + GOOD)
    ran = measured("run", classified.exports, "--lake", classified.lake, timeout=5)
    assert ran.code == DONE
    assert ran.resident_mb < 200
    assert classified.counts[0] == 3


# The lake


@pytest.fixture
def export(tmp_path):
    file = tmp_path / "export.json"
    file.write_bytes(GOOD)
    return file


def test_a_lake_that_is_a_file_is_an_error_that_names_it(export, tmp_path):
    lake = tmp_path / "lake"
    lake.write_text("not a folder")
    ran = immuta_watch("run", export, "--lake", lake, expect=FAILED)
    assert f"the lake in {lake} cannot be opened" in ran.err
    assert "choose another folder" in ran.err
    assert lake.read_text() == "not a folder"


@pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="needs /proc, a folder that nobody can write, not even root"
)
def test_a_lake_that_cannot_be_written_is_an_error_that_names_it(export):
    ran = immuta_watch("run", export, "--lake", "/proc/lake", expect=FAILED)
    assert "the lake in /proc/lake cannot be opened" in ran.err


def test_a_ledger_that_cannot_be_written_fails_its_exports_and_says_which(export, tmp_path):
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / "ledger").write_text("in the way")
    ran = immuta_watch("run", export, "--lake", lake, "--json", expect=LOOK_NEEDED)
    [note] = ran.json["notes"]
    assert note["export"] == str(export.resolve())
    assert "ledger/changes" in note["reason"]
    assert ran.json["exports"] == 0
    (lake / "ledger").unlink()
    immuta_watch("run", export, "--lake", lake)
    immuta_watch("verify", "--lake", lake, "--exports", export)


def test_a_lake_that_is_half_written_is_finished(export, tmp_path):
    """As a process leaves it that died while it wrote: all of its traces, and the ledger cut short."""
    lake, sound = tmp_path / "lake", tmp_path / "sound"
    immuta_watch("run", export, "--lake", sound)
    shutil.copytree(sound, lake)
    manifest_path(lake, export).unlink()
    [ledger] = lake.glob("ledger/changes/*/*.parquet")
    ledger.write_bytes(ledger.read_bytes()[:100])
    stray = lake / "rollups" / "date=2020-01-01" / f"{source_of(export)}.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"PAR1")
    hidden = lake / ".immuta-watch"
    (hidden / "processes" / "99999-gone").write_text("")
    (hidden / "tmp" / "99999-gone.7").write_bytes(b"half of a file")
    lease = lake / "leases" / f"{source_of(export)}.json"
    lease.parent.mkdir(exist_ok=True)
    touched = [str(path.relative_to(lake)) for path in (ledger, stray)]
    lease.write_text(json.dumps({"holder": "99999-gone", "expires": "2999-01-01T00:00:00Z", "touched": touched}))

    immuta_watch("verify", "--lake", lake, "--exports", export, expect=LOOK_NEEDED)
    began = time.monotonic()
    immuta_watch("run", export, "--lake", lake)
    assert time.monotonic() - began < 10, "the lease of a dead process is not waited for"
    immuta_watch("verify", "--lake", lake, "--exports", export)
    assert not stray.exists() and not lease.exists()
    assert list((hidden / "tmp").iterdir()) == []
    assert list((hidden / "processes").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"], ids=["empty", "cut short", "garbage"])
def test_a_lease_that_cannot_be_read_is_nobodys(export, tmp_path, content):
    lake = tmp_path / "lake"
    lease = lake / "leases" / f"{source_of(export)}.json"
    lease.parent.mkdir(parents=True)
    lease.write_bytes(content)
    immuta_watch("run", export, "--lake", lake)
    assert not lease.exists()


def test_a_damaged_manifest_is_an_error_that_names_it_and_the_way_out(export, tmp_path):
    lake = tmp_path / "lake"
    other = tmp_path / "other.json"
    other.write_bytes(GOOD)
    immuta_watch("run", export, "--lake", lake)
    path = manifest_path(lake, export)
    path.write_bytes(path.read_bytes()[:50])
    ran = immuta_watch("run", export, other, "--lake", lake, "--json", expect=LOOK_NEEDED)
    [note] = ran.json["notes"]
    assert path.name in note["reason"] and "run --again" in note["reason"]
    assert manifest(lake, other)["counts"]["classified"] == 3
    immuta_watch("run", export, "--lake", lake, "--again")
    immuta_watch("verify", "--lake", lake, "--exports", export)


def test_two_processes_on_one_lake_both_succeed(tenant, tmp_path):
    processes = [start("run", tenant.exports, "--lake", tmp_path / "lake") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [DONE, DONE]
    immuta_watch("verify", "--lake", tmp_path / "lake", "--exports", tenant.exports)


def test_commands_that_only_read_a_lake_make_none(tmp_path):
    missing = tmp_path / "lake"
    for command in (["verify"], ["alerts"], ["explain", "20261102-0123456789abcdef"]):
        ran = immuta_watch(*command, "--lake", missing, expect=FAILED)
        assert f"there is no lake in {missing}" in ran.err
        assert not missing.exists()


# Rules, lists and configuration


def in_binary_mode(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda pack: in_binary_mode(pack / "tags" / "latin.yml", b"title: Zo\xeb\n"), ["tags/latin.yml", "UTF-8"]),
        (lambda pack: in_binary_mode(pack / "lists" / "latin.txt", b"Zo\xeb\n"), ["lists/latin.txt", "UTF-8"]),
        (lambda pack: in_binary_mode(pack / "tags" / "no.yml", b"title: [\n"), ["tags/no.yml"]),
        (lambda pack: in_binary_mode(pack / "tags" / "rule.bak", b""), ["tags/rule.bak", "neither a rule"]),
        (lambda pack: (pack / "tags" / "x.yml").symlink_to("nowhere"), ["tags/x.yml", "cannot be read"]),
        (lambda pack: (pack / "lists" / "high_risk_permissions.txt").unlink(), ["high_risk_permissions"]),
        (lambda pack: shutil.rmtree(pack), ["rules cannot be read"]),
        (lambda pack: [file.unlink() for file in pack.rglob("*.y*ml")], ["there is no rule in this folder"]),
    ],
    ids=[
        "rule in latin-1", "list in latin-1", "no YAML", "neither rule nor list", "dangling link", "missing list",
        "missing folder", "empty folder",
    ],
)  # fmt: skip
def test_a_rule_or_list_that_cannot_be_read_is_an_error_that_names_it(export, pack, tmp_path, break_it, words):
    break_it(pack)
    check = immuta_watch("rules", "check", "--rules", pack, expect=LOOK_NEEDED)
    ran = immuta_watch("run", export, "--lake", tmp_path / "lake", "--rules", pack, expect=FAILED)
    for word in words:
        assert word in check.err
        assert word in ran.err
    assert str(pack) in ran.err
    assert not (tmp_path / "lake").exists(), "nothing is begun with a pack that cannot be used"


def test_a_folder_that_is_named_like_a_rule_is_a_folder(export, pack, tmp_path):
    (pack / "tags" / "x.yml").mkdir()
    immuta_watch("run", export, "--lake", tmp_path / "lake", "--rules", pack)


@pytest.mark.parametrize(
    "content", [b"\xff", b"ledger: [", b"no_such_setting: 1\n"], ids=["garbage", "no YAML", "unknown"]
)
def test_a_configuration_that_cannot_be_read_is_an_error_that_names_it(export, tmp_path, content):
    configuration = tmp_path / "watch.yml"
    configuration.write_bytes(content)
    ran = immuta_watch("run", export, "--lake", tmp_path / "lake", "--config", configuration, expect=FAILED)
    assert str(configuration) in ran.err


# Exports that are not there


def test_an_export_that_is_missing_is_an_error_that_names_it(export, tmp_path):
    for command in (["run", "--lake", tmp_path / "lake"], ["inspect"]):
        ran = immuta_watch(*command, export, tmp_path / "missing.json", expect=FAILED)
        assert f"{tmp_path}/missing.json cannot be read" in ran.err


def test_a_folder_without_exports_is_an_error_that_names_it(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / ".hidden").write_bytes(GOOD)
    for command in (["run", "--lake", tmp_path / "lake"], ["inspect"]):
        ran = immuta_watch(*command, empty, expect=FAILED)
        assert f"there is no export in {empty}" in ran.err


def test_no_exports_at_all_are_wrong_arguments(tmp_path):
    immuta_watch("run", "--lake", tmp_path / "lake", expect=WRONG_ARGUMENTS)


def test_a_lake_inside_the_folder_of_exports_is_not_read_as_exports(tmp_path):
    (tmp_path / "export.json").write_bytes(GOOD)
    for _ in range(2):
        ran = immuta_watch("run", tmp_path, "--lake", tmp_path / "lake", "--json")
        assert ran.json["exports"] == 1
