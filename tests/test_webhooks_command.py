"""`webhooks`: from the rules to the webhooks of a tenant, and notifications judged on this machine."""

import json
import os
from datetime import timedelta

import pytest
import yaml

from binary import DONE, FAILED, LOOK_NEEDED, ROOT, WRONG_ARGUMENTS, immuta_watch
from immuta import KEY, PREFIX, Immuta
from webhooks import body_of

URL = "https://function.example.com/prod"
SECRET, TOKEN = "the-secret-that-signs", "the-token-in-the-path"
RULES = sorted((ROOT / "rules" / "webhook").glob("*.yml"))


def kinds_of(rule: dict) -> list:
    kinds = rule["detection"]["selection"]["watch.kind"]
    return kinds if isinstance(kinds, list) else [kinds]


NEEDED = sorted({kind for path in RULES for kind in kinds_of(yaml.safe_load(path.read_text()))})


@pytest.fixture
def immuta():
    with Immuta() as immuta:
        yield immuta


def run(*arguments, **options):
    """The program with key, secret and token in its environment; none of them may be shown."""
    hidden = {"IMMUTA_API_KEY": KEY, "SIGNING": SECRET, "TOKEN": TOKEN}
    environment = {**os.environ, **hidden, **options.pop("env", {})}
    ran = immuta_watch("webhooks", *arguments, env=environment, **options)
    for text in hidden.values():
        assert text not in ran.out + ran.err
    return ran


def register(immuta, *arguments, **options):
    return run("register", "--immuta", immuta.url, "--url", URL, "--secret-from", "env:SIGNING", *arguments, **options)


def plan(immuta, *arguments, **options):
    return run("plan", "--immuta", immuta.url, "--url", URL, *arguments, "--json", **options).json


def states(report: dict) -> dict:
    return {webhook["type"]: webhook["state"] for webhook in report["webhooks"]}


def test_without_a_tenant_the_plan_is_what_the_rules_ask_for():
    said = run("plan", "--url", URL, "--json").json
    assert states(said) == dict.fromkeys(NEEDED, "missing") and not said["asked"]
    assert [webhook["url"] for webhook in said["webhooks"]] == [f"{URL}/{kind}" for kind in NEEDED]
    by_type = {webhook["type"]: webhook["rules"] for webhook in said["webhooks"]}
    assert by_type["permissionsUpdated"] == ["permissions_updated"]
    out = run("plan", "--url", URL).out
    assert "webhooks register --immuta URL" in out and "permissions_updated" in out


def test_the_plan_says_what_is_there_what_is_missing_and_what_is_somebody_elses(immuta):
    immuta.add("tagCreated", f"{URL}/tagCreated")
    immuta.add("permissionsUpdated", f"{URL}/permissionsUpdated", name="by hand")
    immuta.add("tagCreated", f"{URL}/former-token-x/tagCreated")
    immuta.add("ALL_NOTIFICATIONS", "https://hooks.slack.com/services/T0/B0/hush", name="chat")
    ran = run("plan", "--immuta", immuta.url, "--url", URL, expect=LOOK_NEEDED)
    assert "hush" not in ran.out and "former-token-x" not in ran.out and f"{URL}/TOKEN/tagCreated" in ran.out
    assert 'name this webhook "immuta-watch: permissionsUpdated"' in ran.out
    assert "Not ours, and left alone: 1 webhook" in ran.out
    said = plan(immuta, "--type", "tagCreated", "permissionsUpdated", "userCreated", expect=LOOK_NEEDED)
    assert states(said) == {"tagCreated": "exists", "permissionsUpdated": "exists", "userCreated": "missing"}
    assert [other["url"] for other in said["others"]] == [f"{URL}/TOKEN/tagCreated"]
    assert "not needed here" not in run("plan", "--url", URL, "--immuta", immuta.url, "--type", "userCreated").out
    assert said["foreign"] == 1 and immuta.asked("POST", "/webhooks") == []


def test_a_type_that_the_tenant_does_not_know_is_said_and_not_asked_for(immuta):
    immuta.types.remove("userCloned")
    said = register(immuta, "--json", expect=LOOK_NEEDED).json
    assert states(said)["userCloned"] == "unknown_type"
    assert sorted(webhook["notificationType"][0] for webhook in immuta.webhooks) == sorted(set(NEEDED) - {"userCloned"})
    assert "the tenant does not know this type" in register(immuta, expect=LOOK_NEEDED).out


@pytest.mark.parametrize("shape", ["hits", "array", "named", "results"])
def test_registering_twice_is_registering_once(shape):
    with Immuta(shape=shape) as immuta:
        said = register(immuta, "--json").json
        assert states(said) == dict.fromkeys(NEEDED, "registered")
        (asked,) = immuta.asked("POST", "/webhooks")
        wanted = json.loads(asked)["webhooks"]
        assert wanted[0] == {
            "url": f"{URL}/{NEEDED[0]}", "name": f"{PREFIX}{NEEDED[0]}", "notificationType": [NEEDED[0]], "global": True,
            "actionType": "triggered", "secret": SECRET,
        }  # fmt: skip
        assert states(register(immuta, "--json").json) == dict.fromkeys(NEEDED, "exists")
        assert len(immuta.asked("POST", "/webhooks")) == 1 and len(immuta.webhooks) == len(NEEDED)


def test_a_list_in_pages_is_read_to_its_end():
    with Immuta(page=5) as immuta:
        register(immuta)
        assert states(plan(immuta, "--secret-from", "env:SIGNING")) == dict.fromkeys(NEEDED, "exists")
        register(immuta)
        assert len(immuta.webhooks) == len(NEEDED) > 5


def test_a_dry_run_registers_nothing(immuta):
    assert "Nothing was registered" in register(immuta, "--dry-run").out
    assert immuta.webhooks == []


def test_a_token_is_part_of_the_path_and_never_shown(immuta):
    ran = run("register", "--immuta", immuta.url, "--url", URL, "--token-from", "env:TOKEN", "--type", "tagCreated")
    assert f"each to {URL}/TOKEN/TYPE" in ran.out
    (webhook,) = immuta.webhooks
    assert webhook["url"] == f"{URL}/{TOKEN}/tagCreated" and immuta.secret_of(webhook) is None
    assert "the-token" not in run("list", "--immuta", immuta.url).out
    assert states(plan(immuta, "--token-from", "env:TOKEN", "--type", "tagCreated")) == {"tagCreated": "exists"}


def test_a_webhook_that_immuta_does_not_make_is_said_with_its_reason(immuta):
    immuta.types = [kind for kind in immuta.types if kind != "tagCreated"]
    immuta.fail = lambda method, path: 500 if path == "/webhooks/actions" else None
    ran = register(immuta, "--type", "tagCreated", "userCreated", expect=LOOK_NEEDED)
    assert "not registered: tagCreated is not taken, with [...]" in ran.out
    assert "registered (id 1)" in ran.out
    assert "could not be asked: Immuta answered 500" in ran.out


def test_a_key_is_taken_with_and_without_bearer():
    with Immuta(scheme="") as immuta:
        register(immuta)
        assert len(immuta.webhooks) == len(NEEDED)


@pytest.mark.parametrize(
    "status, words", [(401, "API key (401)"), (403, "APPLICATION_ADMIN"), (404, "is that the tenant's address"), (500, "500")]
)
def test_what_immuta_refuses_is_said_with_what_to_do(immuta, status, words):
    immuta.fail = lambda *_: status
    for command in (["plan", "--url", URL], ["list"], ["remove", "--url", URL]):
        ran = run(*command, "--immuta", immuta.url, expect=FAILED)
        assert words in ran.err and ran.out == ""
    ran = register(immuta, expect=FAILED)
    assert words in ran.err and immuta.webhooks == []


def test_a_wrong_key_and_no_key_are_told_apart(immuta):
    ran = run("list", "--immuta", immuta.url, env={"IMMUTA_API_KEY": "wrong-key-x"}, expect=FAILED)
    assert "does not take the API key" in ran.err and "wrong-key-x" not in ran.err
    ran = run("list", "--immuta", immuta.url, "--key-from", "env:NO_SUCH", expect=FAILED)
    assert "the environment variable NO_SUCH is not set" in ran.err


def test_a_secret_in_the_place_of_a_place_is_not_repeated(immuta):
    for arguments in (
        ["list", "--immuta", immuta.url, "--key-from", "hush-hush"],
        ["plan", "--url", URL, "--secret-from", "hush-hush"],
        ["plan", "--url", "https://x.example.com/?token=hush-hush"],
        ["list", "--immuta", "https://ann:hush-hush@x.example.com"],
        ["list", "--immuta", "http://x.example.com/hush-hush"],
        ["register", "--immuta", immuta.url, "--url", URL],
    ):
        ran = run(*arguments, expect=WRONG_ARGUMENTS)
        assert "hush-hush" not in ran.out + ran.err and ran.err.startswith("error: ")


def test_where_nobody_listens_it_says_so():
    ran = run("list", "--immuta", "http://127.0.0.1:1", expect=FAILED)
    assert "no connection to http://127.0.0.1:1" in ran.err


def test_an_answer_of_another_form_is_said_by_its_keys(immuta):
    immuta.shape = "somethingElse"
    register(immuta, "--dry-run", expect=FAILED)
    immuta.webhooks.append({"id": 1, "secretThing": "hush-hush"})
    immuta.shape = "hits"
    ran = run("list", "--immuta", immuta.url, expect=FAILED)
    assert "an object with the keys id, secretThing" in ran.err and "hush" not in ran.err


def test_only_ours_below_the_address_are_removed(immuta):
    register(immuta)
    immuta.add("tagCreated", f"{URL}/tagCreated", name="by hand")
    immuta.add("tagCreated", "https://elsewhere.example.com/tagCreated")
    immuta.add("tagCreated", f"{URL}/old-token-x/tagCreated")
    said = run("remove", "--immuta", immuta.url, "--url", URL, "--dry-run", "--json").json
    assert said["removed"] == 0 and len(said["webhooks"]) == len(NEEDED) + 1
    assert "old-token-x" not in json.dumps(said) and said["left_alone"] == 2
    ran = run("remove", "--immuta", immuta.url, "--url", URL, "--type", "tagCreated", "UserCreated")
    assert "would" not in ran.out and len(immuta.webhooks) == len(NEEDED) + 3 - (2 + (("tagCreated" in NEEDED) and 1))
    ran = run("remove", "--immuta", immuta.url, "--url", URL)
    assert sorted(webhook["name"] for webhook in immuta.webhooks) == ["by hand", f"{PREFIX}tagCreated"]
    assert "2 others left alone" in ran.out
    assert "0 webhooks removed" in run("remove", "--immuta", immuta.url, "--url", URL).out


def test_the_list_says_how_the_last_request_of_each_ended(immuta, slack):
    def at(kind):
        return slack.address(f"/hush/{kind}")

    fine, wrong, unused = (immuta.add(kind, at(kind)) for kind in ("tagCreated", "userCreated", "userDeleted"))
    immuta.add("tagCreated", at("chat"), name="somebody else's")
    immuta.send(fine, b"{}", ago=timedelta(hours=2))
    immuta.send(wrong, b"{}", ago=timedelta(hours=3))
    slack.stop()
    immuta.send(wrong, b"{}", ago=timedelta(hours=1))
    ran = run("list", "--immuta", immuta.url, expect=LOOK_NEEDED)
    lines = {line.split()[1]: line for line in ran.out.splitlines() if "127.0.0.1" in line}
    assert lines["tagCreated"].endswith("delivered") and lines["userCreated"].endswith("failed")
    assert lines["userDeleted"].endswith("none yet") and "hush" not in ran.out
    assert "Not ours: 1 webhook" in ran.out and "IMMUTA_WATCH_IMMUTA" in ran.out
    said = run("list", "--immuta", immuta.url, "--json", expect=LOOK_NEEDED).json
    outcomes = {webhook["type"]: webhook["last_outcome"] for webhook in said["webhooks"]}
    assert outcomes == {"tagCreated": "delivered", "userCreated": "failed", "userDeleted": None}
    immuta.fail = lambda method, path: 500 if path.endswith("/history") else None
    assert "could not be asked" in run("list", "--immuta", immuta.url, expect=LOOK_NEEDED).out


def test_a_list_of_nothing_says_how_to_begin(immuta):
    assert "webhooks plan --immuta" in run("list", "--immuta", immuta.url).out


def examples():
    """[(the rule, the example's name, what it expects, the type, a body, when)] of the positive examples."""
    for path in RULES:
        rule = yaml.safe_load(path.read_text())
        for example in rule["watch"]["examples"]["positive"]:
            event = example["event"]
            inner = dict(event["auditPayload"])
            kind = inner.pop("type")
            inner.update({name: event[name] for name in ("actor", "targets", "relatedResources") if name in event})
            body = body_of({**inner, "more": event.get("strings", [])}, event["text"])
            yield path.stem, example, kind, body, event["eventTimestamp"]


@pytest.mark.parametrize("rule, example, kind, body, time", [pytest.param(*each, id=f"{each[0]}: {each[1]['name']}") for each in examples()])
def test_every_example_of_the_rules_is_judged_as_a_notification(tmp_path, rule, example, kind, body, time):
    file = tmp_path / "body.json"
    file.write_bytes(body)
    said = run("replay", file, "--type", kind, "--at", time, "--json").json
    (held,) = said["matches"]
    found = (held["rule"], held["level"], held["route"])
    assert found == (rule, example.get("level", held["level"]), example.get("route", held["route"]))
    assert said["understood"] and said["notifies"] == (held["route"] != "dashboard")
    out = run("replay", file, "--type", kind, "--at", time).out
    assert f"{rule} holds" in out and "watch.kind" in out


def test_a_folder_of_receipts_has_a_line_each_and_a_tally(tmp_path):
    folder = tmp_path / "webhooks" / "date=2026-11-23"
    folder.mkdir(parents=True)
    bodies = {"a": b'{"text":"x","attachments":[{"text":"{\\"permissions\\":[\\"USER_ADMIN\\"]}"}]}', "b": b"no json"}
    for name, body in bodies.items():
        receipt = {"version": 1, "received": "2026-11-23T14:00:00.000Z", "kind": "permissionsUpdated", "text": body.decode()}
        (folder / f"{name}.json").write_text(json.dumps(receipt))
        (folder / f"{name}.decision.json").write_text("{}")
    (folder / "c.json").write_text("garbage")
    ran = run("replay", tmp_path, expect=LOOK_NEEDED)
    lines = ran.out.splitlines()
    assert "would notify: permissions_updated (high, notification)" in lines[0]
    assert "not understood" in lines[1] and "error" in lines[2] and "--type" in lines[2]
    assert "2 notifications by the pack inside this program: 1 would notify, 1 dashboard only, 0 held by no rule" in ran.out
    objects = run("replay", tmp_path, "--json", expect=LOOK_NEEDED).json_lines
    assert [each.get("understood") for each in objects] == [True, False, None]
    (folder / "c.json").unlink()
    run("replay", tmp_path, expect=DONE)
    out = run("replay", folder / "a.json").out
    assert "2026-11-23T14:00:00.000Z" in out and "rules explain permissions_updated" in out


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"\xff\xfe\x00", b"7", b'{"version":1}', b"[" * 5000])
def test_garbage_is_judged_by_its_text_or_named_and_never_a_crash(tmp_path, garbage):
    file = tmp_path / "garbage.json"
    file.write_bytes(garbage)
    assert "--type" in run("replay", file, expect=FAILED).err
    ran = run("replay", file, "--type", "tagCreated", "--json")
    assert ran.json["kind"] == "tagCreated" and not ran.json["notifies"]


def test_the_time_decides_whether_it_would_interrupt_somebody(tmp_path):
    file = tmp_path / "body.json"
    file.write_bytes(body_of({"actor": "ann@example.com", "user": "tom@example.com", "permissions": ["CREATE_PROJECT"]}))
    of = lambda at: run("replay", file, "--type", "permissionsUpdated", "--at", at, "--json").json  # noqa: E731
    assert not of("2026-11-23T14:00:00Z")["notifies"] and of("2026-11-23T23:00:00Z")["notifies"]


def test_the_rules_may_be_those_of_a_lake_or_a_folder(tmp_path, pack):
    (pack / "webhook" / "permissions_updated.yml").unlink()
    file = tmp_path / "body.json"
    file.write_bytes(body_of({"permissions": ["USER_ADMIN"]}))
    arguments = ("replay", file, "--type", "permissionsUpdated", "--json")
    assert run(*arguments).json["matches"] and not run(*arguments, "--rules", pack).json["matches"]
    lake = tmp_path / "lake"
    assert "there is no lake in" in run(*arguments, "--lake", lake, expect=FAILED).err
    lake.mkdir()
    assert "since nothing is in force in" in run("plan", "--url", URL, "--lake", lake).out
    immuta_watch("publish", "--lake", lake, "--rules", pack)
    assert not run(*arguments, "--lake", lake).json["matches"]
    assert "permissionsUpdated" not in states(run("plan", "--url", URL, "--lake", lake, "--json").json)
    assert "permissionsUpdated" not in states(run("plan", "--url", URL, "--rules", pack, "--json").json)
