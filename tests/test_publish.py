"""Publishing a pack and a configuration to a lake: what is checked, what changes, and the way back."""

import json
import shutil

import pytest

from binary import DONE, FAILED, LOOK_NEEDED, ROOT, immuta_watch
from lakes import lake_files

RULE = "watcher/webhook_deleted.yml"


@pytest.fixture
def pack(tmp_path):
    """A pack of one rule and the lists that ship, which a test may change."""
    folder = tmp_path / "pack"
    (folder / RULE).parent.mkdir(parents=True)
    shutil.copy(ROOT / "rules" / RULE, folder / RULE)
    shutil.copytree(ROOT / "rules" / "lists", folder / "lists")
    return folder


@pytest.fixture
def lake(tmp_path):
    return tmp_path / "lake"


def publish(lake, pack, *options, **expect):
    return immuta_watch("publish", "--lake", lake, "--rules", pack, *options, **expect)


def change(pack, before, after):
    text = (pack / RULE).read_text()
    assert before in text
    (pack / RULE).write_text(text.replace(before, after, 1))


def current(lake):
    return json.loads((lake / "packs" / "current").read_text())


def changes(answer):
    return {(each["what"], each["of"], each["name"]) for each in answer["changes"]}


def test_publishing_the_same_again_changes_nothing(lake, pack):
    first = publish(lake, pack, "--json", "--by", "ann").json
    assert (first["outcome"], first["before"]) == ("published", None)
    assert current(lake)["hash"] == first["hash"] and current(lake)["by"] == "ann"
    files = lake_files(lake)
    again = publish(lake, pack, "--json", "--by", "bob").json
    assert (again["outcome"], again["hash"]) == ("unchanged", first["hash"])
    assert lake_files(lake) == files


def test_it_says_what_changed_against_what_was_in_force(tmp_path, lake, pack):
    publish(lake, pack)
    change(pack, "title: Webhook deleted", "title: A webhook is gone")
    shutil.copy(ROOT / "rules" / "approvals" / "access_requested.yml", pack)
    configuration = tmp_path / "immuta-watch.yml"
    configuration.write_text(
        'ledger: {query_text: drop}\nlists: {service_accounts: {add: ["etl-*"]}}\nnotify: {storm: 3}\n'
    )
    answer = publish(lake, pack, "--config", configuration, "--json").json
    assert changes(answer) == {
        ("changed", "rule", "webhook_deleted"),
        ("added", "rule", "access_requested"),
        ("changed", "list", "service_accounts"),
        ("changed", "configuration", "ledger.query_text"),
        ("changed", "configuration", "notify.storm"),
    }
    details = {each["name"]: each["details"] for each in answer["changes"]}
    assert details["webhook_deleted"] == ["title Webhook deleted → A webhook is gone"]
    assert details["service_accounts"] == ["+etl-*"]
    assert details["ledger.query_text"] == ["keep → drop"]
    (pack / "access_requested.yml").unlink()
    said = publish(lake, pack, "--config", configuration).out
    assert "removed" in said and "access_requested" in said and "--rollback" in said


def test_a_dry_run_says_the_same_and_writes_nothing(lake, pack):
    assert publish(lake, pack, "--dry-run", "--json").json["outcome"] == "would_publish"
    assert not lake.exists()
    publish(lake, pack)
    files = lake_files(lake)
    change(pack, "title: Webhook deleted", "title: A webhook is gone")
    answer = publish(lake, pack, "--dry-run", "--json").json
    assert changes(answer) == {("changed", "rule", "webhook_deleted")}
    assert lake_files(lake) == files


def test_a_broken_pack_is_refused_with_file_and_line(lake, pack):
    publish(lake, pack)
    files = lake_files(lake)
    change(pack, "condition: selection", "condition: selectoin")
    ran = publish(lake, pack, expect=FAILED)
    assert f"{RULE}:" in ran.err and "selectoin" in ran.err
    assert lake_files(lake) == files


def test_a_failing_example_is_refused_with_file_and_line(lake, pack):
    change(pack, "type: WebhookDeletedAuditPayload", "type: WebhookCreatedAuditPayload")
    ran = publish(lake, pack, expect=FAILED)
    assert f"failed {RULE}:" in ran.err and "the rule does not match it" in ran.err
    assert not lake.exists()


def test_a_wrong_configuration_is_refused(tmp_path, lake, pack):
    configuration = tmp_path / "immuta-watch.yml"
    configuration.write_text("calender: {}\n")
    assert "unknown field `calender`" in publish(lake, pack, "--config", configuration, expect=FAILED).err
    assert not lake.exists()


def test_the_pack_inside_the_program_is_published_without_a_folder(lake):
    immuta_watch("publish", "--lake", lake)
    shipped = sorted(str(path.relative_to(ROOT / "rules")) for path in (ROOT / "rules").rglob("*.yml"))
    bundle = json.loads((lake / "packs" / current(lake)["hash"] / "bundle.json").read_text())
    assert sorted(name for name in bundle["pack"] if name.endswith(".yml")) == shipped


def test_rollbacks_go_back_one_by_one_and_show_tells(lake, pack):
    hashes = [publish(lake, pack, "--json").json["hash"]]
    for title in ("two", "three"):
        change(pack, "title: ", f"title: {title} ")
        hashes.append(publish(lake, pack, "--json").json["hash"])
    for back_to in (hashes[1], hashes[0]):
        answer = immuta_watch("publish", "--lake", lake, "--rollback", "--json").json
        assert (answer["outcome"], answer["hash"]) == ("rolled_back", back_to)
        assert current(lake)["hash"] == back_to
        assert immuta_watch("publish", "--lake", lake, "--show").out.startswith(f"{back_to} is in force since")
    ran = immuta_watch("publish", "--lake", lake, "--rollback", expect=FAILED)
    assert "nothing to go back to" in ran.err
    history = immuta_watch("publish", "--lake", lake, "--show", "--json").json["current"]["history"]
    assert [(flip["to"], flip["rollback"]) for flip in history] == [
        (hashes[0], True), (hashes[1], True), (hashes[2], False), (hashes[1], False), (hashes[0], False),
    ]  # fmt: skip


def test_a_damaged_bundle_is_seen_never_gone_back_to_and_mended(lake, pack):
    first = publish(lake, pack, "--json").json["hash"]
    file = lake / "packs" / first / "bundle.json"
    file.write_bytes(file.read_bytes().replace(b"level: high", b"level: low"))
    shown = immuta_watch("publish", "--lake", lake, "--show", expect=LOOK_NEEDED)
    assert first in shown.out and "is damaged" in shown.out

    change(pack, "title: Webhook deleted", "title: A webhook is gone")
    assert "is damaged" in publish(lake, pack, "--json").json["not_compared"]
    assert "is damaged" in immuta_watch("publish", "--lake", lake, "--rollback", expect=FAILED).err

    change(pack, "title: A webhook is gone", "title: Webhook deleted")
    assert publish(lake, pack, "--json").json["hash"] == first
    immuta_watch("publish", "--lake", lake, "--show", expect=DONE)


def test_a_lake_with_packs_is_whole(tmp_path, lake, pack):
    export = tmp_path / "exports" / "a.json"
    export.parent.mkdir()
    export.write_text("{}\n")
    publish(lake, pack)
    immuta_watch("run", export, "--lake", lake, expect=None)
    immuta_watch("verify", "--lake", lake, "--exports", export.parent, expect=DONE)
    immuta_watch("publish", "--lake", lake, "--show", expect=DONE)


def test_show_and_rollback_make_no_lake(lake):
    for option in ("--show", "--rollback"):
        assert "there is no lake" in immuta_watch("publish", "--lake", lake, option, expect=FAILED).err
    assert not lake.exists()
