"""The inventory: lists from a customer, and what stands by them and by the changes since."""

import itertools
import random
import time
from datetime import datetime, timedelta, timezone

import duckdb
import pytest

from binary import DONE, FAILED, LOOK_NEEDED, WRONG_ARGUMENTS, immuta_watch, measured
from lakes import lake_files
from on_cloud import program_on
from records import ndjson, record
from watcher import Watcher, text

HEADER = "date,kind,id,name,permission,group,group_id"
LISTS = f"""{HEADER}
2026-11-01,permission,ann@example.com,Ann Lee,GOVERNANCE,,
2026-11-01,permission,tom@example.com,Tom Ray,USER_ADMIN,,
2026-11-01,permission,eve@example.com,Eve Orr,AUDIT,,
2026-11-01,data_source,7,hr.pay,,,
2026-11-01,data_source,8,hr.staff,,,
2026-11-01,data_source,9,sales.orders,,,
2026-11-01,group_member,ann@example.com,Ann Lee,,Auditors,31
"""


def user(name):
    whole = {"Ann": "Ann Lee", "Tom": "Tom Ray"}.get(name, name)
    return {"type": "USER", "id": f"{name.lower()}@example.com", "name": whole}


class Tenant:
    """Events of a made-up tenant, numbered as they are added."""

    def __init__(self):
        self.events = []
        self.add("UserAuthenticated", "2026-10-20T08:00:00Z")

    def add(self, kind, at, targets=(), related=(), payload=None, **more):
        made = record(
            kind,
            len(self.events) + 1,
            eventTimestamp=at,
            receivedTimestamp=at,
            action="UPDATE",
            targetType="USER",
            targets=list(targets),
            relatedResources=list(related),
            auditPayload={"type": f"{kind}AuditPayload", **(payload or {})},
            **more,
        )
        self.events.append(made)
        return made

    def given(self, name, permission, at, kind="PermissionApplied", **more):
        return self.add(kind, at, [user(name)], payload={"permission": permission}, **more)

    def on_source(self, kind, number, name, at="2026-11-05T09:00:00Z", **payload):
        return self.add(kind, at, [{"type": "DATASOURCE", "id": number, "name": name}], payload=payload)

    def query(self, table, status="SUCCESS", at="2026-11-06T09:00:00Z"):
        return self.add("Query", at, payload={"objectsAccessed": [{"name": table}]}, actionStatus=status)

    def lake(self, folder, exports=None):
        place = folder / "exports"
        place.mkdir(parents=True)
        for number, events in enumerate(exports or [self.events]):
            (place / f"{number}.ndjson").write_bytes(ndjson(*events))
        immuta_watch("run", place, "--lake", folder / "lake")
        return folder / "lake"


def written(folder, text, name="lists.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def imported(folder, lake, text=LISTS, *more, **options):
    return immuta_watch("inventory", "import", written(folder, text), "--lake", lake, *more, **options)


def ask(what, lake):
    return immuta_watch("inventory", what, "--lake", lake, "--json").json


def held_together(lake):
    return [(each["who"]["name"], *each["pair"]) for each in ask("combinations", lake)["combinations"]]


def inventory_files(lake):
    return {name: digest for name, digest in lake_files(lake).items() if name.startswith("inventory/")}


def test_a_permission_from_a_list_and_one_from_the_log_are_held_together(tmp_path):
    tenant = Tenant()
    grant = tenant.given("Ann", "USER_ADMIN", "2026-11-20T11:02:00Z")
    tenant.given("Eve", "GOVERNANCE", "2026-11-21T11:02:00Z", actionStatus="UNAUTHORIZED")
    lake = tenant.lake(tmp_path)
    before = immuta_watch("inventory", "combinations", "--lake", lake).out
    assert before.startswith("Nobody holds two permissions together that should be apart, of those seen since 2026-10-20.")
    assert "What was given before is not known" in before

    said = imported(tmp_path, lake).out
    assert said.count("taken in") == 3
    assert "held together once, 1 of these GOVERNANCE with USER_ADMIN" in " ".join(said.split())
    [found] = ask("combinations", lake)["combinations"]
    assert (found["who"], found["pair"]) == ({"name": "Ann Lee", "id": "ann@example.com"}, ["GOVERNANCE", "USER_ADMIN"])
    last, first = found["held"]
    assert (last["permission"], last["since"], last["by"]) == ("USER_ADMIN", "2026-11-20T11:02:00Z", "ada@example.com")
    assert (first["permission"], first["list"]) == ("GOVERNANCE", "2026-11-01")
    shown = immuta_watch("inventory", "combinations", "--lake", lake).out
    assert "held together, of the 3 listed on 2026-11-01 and seen since" in shown
    assert "on the list of 2026-11-01" in shown and "2026-11-20 11:02" in shown
    # The reference that is printed is that of the grant.
    assert last["alert"] in shown
    explained = immuta_watch("explain", last["alert"], "--lake", lake, "--json").json
    assert grant["id"] in str(explained["examples"]) and "Permission granted" in explained["title"]


def test_what_is_taken_or_deleted_after_the_list_is_held_no_longer(tmp_path):
    tenant = Tenant()
    tenant.given("Ann", "USER_ADMIN", "2026-11-20T11:02:00Z")
    tenant.given("Ann", "GOVERNANCE", "2026-11-21T11:02:00Z", "PermissionRemoved")
    tenant.given("Tom", "GOVERNANCE", "2026-11-22T11:02:00Z")
    tenant.given("Kim", "AUDIT", "2026-10-25T11:02:00Z")  # not on the list: taken, and the log does not say it
    tenant.add("UserDeleted", "2026-11-23T11:02:00Z", [user("Eve")])
    lake = tenant.lake(tmp_path)
    imported(tmp_path, lake)
    assert held_together(lake) == [("Tom Ray", "GOVERNANCE", "USER_ADMIN")]
    found = ask("show", lake)
    assert found["permissions"] == {"GOVERNANCE": 1, "USER_ADMIN": 2}
    of_permissions = found["standing"]["permission"]
    names = ("list", "listed", "count", "came_since", "went_since")
    assert [of_permissions[name] for name in names] == ["2026-11-01", 3, 3, 2, 2]
    said = immuta_watch("inventory", "show", "--lake", lake).out
    assert "3 listed on 2026-11-01; 2 came and 2 went since" in said


def test_without_a_list_answers_are_of_what_was_seen_and_say_so(tmp_path):
    tenant = Tenant()
    tenant.given("Ann", "USER_ADMIN", "2026-11-20T11:02:00Z")
    tenant.given("Ann", "GOVERNANCE", "2026-11-21T11:02:00Z")
    tenant.on_source("DatasourceCreated", "7", "hr.pay")
    lake = tenant.lake(tmp_path)
    said = immuta_watch("inventory", "combinations", "--lake", lake).out
    assert "held together, of those seen since 2026-10-20" in said and "Ann Lee (ann@example.com)" in said
    said = immuta_watch("inventory", "show", "--lake", lake).out
    assert "no list: only those given since 2026-10-20" in said and "inventory import FILE" in said
    said = immuta_watch("inventory", "coverage", "--lake", lake).out
    assert said.startswith("1 data source, of those seen since 2026-10-20")
    assert "Data sources that no event names are not known" in said


def test_each_kind_of_list_counts_by_itself(tmp_path):
    tenant = Tenant()
    tenant.given("Ann", "USER_ADMIN", "2026-10-25T11:02:00Z")
    lake = tenant.lake(tmp_path)
    imported(tmp_path, lake, f"{HEADER}\n2026-11-01,data_source,7,hr.pay,,,\n")
    found = ask("show", lake)
    assert found["permissions"] == {"USER_ADMIN": 1}
    lists = [found["standing"][kind]["list"] for kind in ("data_source", "permission", "group_member")]
    assert lists == ["2026-11-01", None, None]


def test_of_two_dates_the_later_list_counts(tmp_path):
    tenant = Tenant()
    tenant.given("Ann", "USER_ADMIN", "2026-11-20T11:02:00Z")
    lake = tenant.lake(tmp_path)
    later = ["2026-11-15,permission,ann@example.com,Ann Lee,GOVERNANCE,,", "2026-11-22,permission,tom@example.com,,AUDIT,,"]
    imported(tmp_path, lake, LISTS + "\n".join(later))
    assert ask("show", lake)["permissions"] == {"AUDIT": 1}
    assert sorted(inventory_files(lake)) == [
        "inventory/date=2026-11-01/data-sources.ndjson",
        "inventory/date=2026-11-01/group-members.ndjson",
        "inventory/date=2026-11-01/permissions.ndjson",
        "inventory/date=2026-11-15/permissions.ndjson",
        "inventory/date=2026-11-22/permissions.ndjson",
    ]


def test_the_same_file_twice_and_in_another_order_is_one_import(tmp_path):
    lake = Tenant().lake(tmp_path)
    imported(tmp_path, lake)
    before = lake_files(lake)
    head, *rows = LISTS.splitlines()
    random.Random(3).shuffle(rows)
    for again in (LISTS, "\n".join([head, *rows]), "\ufeff" + LISTS.replace("\n", "\r\n").replace(",", ";")):
        said = imported(tmp_path, lake, again).out
        assert said.count("there already") == 3
        assert lake_files(lake) == before


def test_another_list_of_the_same_day_is_taken_only_if_that_is_said(tmp_path):
    lake = Tenant().lake(tmp_path)
    imported(tmp_path, lake)
    before = lake_files(lake)
    other = LISTS.replace("Eve Orr,AUDIT", "Eve Orr,GOVERNANCE").replace("2026-11-01,group", "2026-11-02,group")
    refused = imported(tmp_path, lake, other, expect=FAILED)
    assert "a list of permissions of 2026-11-01 with 3 rows, and the lake has one with 3 rows; --replace" in refused.err
    assert lake_files(lake) == before, "nothing of it, not even what could be"
    tried = imported(tmp_path, lake, other, "--replace", "--dry-run").out
    assert "would be put in the place of another" in tried and "Nothing was written" in tried
    assert lake_files(lake) == before
    assert "in the place of another" in imported(tmp_path, lake, other, "--replace").out
    assert ask("show", lake)["permissions"] == {"GOVERNANCE": 2, "USER_ADMIN": 1}


def test_a_dry_run_says_what_would_be_taken_in_and_writes_nothing(tmp_path):
    lake = Tenant().lake(tmp_path)
    before = lake_files(lake)
    tried = imported(tmp_path, lake, LISTS, "--dry-run", "--json").json
    assert [(each["kind"], each["rows"], each["fate"]) for each in tried["lists"]] == [
        ("data_source", 3, "would be taken in"),
        ("permission", 3, "would be taken in"),
        ("group_member", 1, "would be taken in"),
    ]
    assert not tried["written"] and lake_files(lake) == before


@pytest.mark.parametrize(
    "text, said",
    [
        (f"{HEADER}\n2026-11-01,permission,ann,Ann,,,\n", "line 2: it has no permission"),
        (f"{HEADER}\n\n1.11.2026,permission,ann,Ann,AUDIT,,\n", "line 3: \"1.11.2026\" is no date"),
        ("kind,id,permision\n", "did you mean permission?"),
        ("id,name\n1,a\n", "the column kind is missing"),
        ("kind,id\npermission,\"ann\n", "line 2: a quote is opened here and never closed"),
        ("kind,id\ndata_source,7\n", "line 2: it has no date; add a column date, or say it with --date"),
        (b"kind,name\ndata_source,J\xf6rg\n", "line 2: this is not UTF-8"),
        (b"\xff\xfek\x00i\x00", "UTF-16"),
        ("kind,name\nevil\u001b[2J\u202e,x\n", "there is no kind \"evil\\u{1b}[2J\\u{202e}\""),
        ("", "the file is empty"),
        (f"{HEADER}\n2999-01-01,permission,ann,Ann,AUDIT,,\n", "2999-01-01 cannot have been taken yet"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_understood_is_refused_with_the_line(tmp_path, text, said):
    lake = Tenant().lake(tmp_path)
    refused = imported(tmp_path, lake, text, expect=FAILED).err
    assert said in refused
    assert "\u001b" not in refused and "\u202e" not in refused
    assert not inventory_files(lake)


def test_a_date_may_come_from_outside(tmp_path):
    lake = Tenant().lake(tmp_path)
    text = "kind,id\ndata_source,7\n"
    imported(tmp_path, lake, text, "--date", "2026-11-01")
    assert list(inventory_files(lake)) == ["inventory/date=2026-11-01/data-sources.ndjson"]
    imported(tmp_path, lake, text, "--date", "first of May", expect=WRONG_ARGUMENTS)


def test_names_from_lists_and_events_cannot_steer_the_terminal(tmp_path):
    tenant = Tenant()
    tenant.given("Ann", "USER_ADMIN\u001b[2J", "2026-11-20T11:02:00Z")
    tenant.given("Ann", "USER_ADMIN", "2026-11-20T11:02:00Z")
    tenant.on_source("DatasourceCreated", "7", "hr\u001b]0;x\u0007pay")
    lake = tenant.lake(tmp_path)
    imported(tmp_path, lake, LISTS.replace("Ann Lee", '"Ann\u001b[31m\u202eLee"').replace("hr.staff", "hr\u001b[2Jstaff"))
    for what in ("show", "combinations", "coverage"):
        said = immuta_watch("inventory", what, "--lake", lake).out
        assert "\u001b" not in said and "\u202e" not in said and "\u0007" not in said
        assert "\\u{1b}[" in said


def test_every_data_source_is_told_that_was_left_out(tmp_path):
    tenant = Tenant()
    tenant.on_source("TagApplied", "7", "hr.pay (renamed)", tag={"name": "HR.Salary"})
    tenant.on_source("TagApplied", "8", "hr.staff", tag={"name": "New"})
    tenant.on_source("DatasourceGlobalPolicyApplied", "8", "hr.staff", policy={"name": "Mask"})
    tenant.on_source("DatasourceCreated", "10", "hr.bonus")
    tenant.on_source("DatasourceDeleted", "9", "sales.orders", at="2026-11-07T09:00:00Z")
    tenant.query("HR.STAFF")
    tenant.query("hr.bonus", "UNAUTHORIZED")
    tenant.query("elsewhere.table")
    lake = tenant.lake(tmp_path)
    imported(tmp_path, lake)
    found = ask("coverage", lake)
    marks = ("classified", "policy", "queried")
    shown = [(each["source"]["name"], *(each[mark] for mark in marks)) for each in found["data_sources"]]
    assert shown == [("hr.bonus", False, False, False), ("hr.pay", True, False, False), ("hr.staff", False, True, True)]
    assert (found["count"], found["never_classified"], found["never_queried"]) == (3, 2, 2)
    assert found["tables_of_no_data_source"] == 1
    said = immuta_watch("inventory", "coverage", "--lake", lake).out
    assert said.startswith("3 data sources, of the 3 listed on 2026-11-01 and seen since")
    assert "Never classified: 2" in said and "hr.bonus (10)" in said and "sales.orders" not in said
    assert "Queries read 1 table that no data source is called by" in " ".join(said.split())


def test_members_of_groups_come_and_go(tmp_path):
    tenant = Tenant()
    group = {"type": "GROUP", "id": "31", "name": "Auditors"}
    tenant.add("GroupMemberAdded", "2026-11-05T09:00:00Z", [group], [user("Tom")])
    tenant.add("GroupMemberRemoved", "2026-11-06T09:00:00Z", [group], [user("Ann")])
    lake = tenant.lake(tmp_path)
    imported(tmp_path, lake)
    of_groups = ask("show", lake)["standing"]["group_member"]
    assert [of_groups[name] for name in ("listed", "count", "came_since", "went_since")] == [1, 1, 1, 1]
    [member] = ask("show", lake)["members"]
    assert (member["group"]["name"], member["who"]["name"]) == ("Auditors", "Tom Ray")
    assert member["known"]["event"]["at"] == "2026-11-05T09:00:00Z"


def test_the_order_of_exports_does_not_matter(tmp_path):
    tenant = Tenant()
    days = itertools.cycle(range(1, 29))
    dice = random.Random(11)
    for day in itertools.islice(days, 60):
        kind = dice.choice(["PermissionApplied", "PermissionRemoved"])
        name, permission = dice.choice(["Ann", "Tom", "Eve"]), dice.choice(["GOVERNANCE", "USER_ADMIN", "AUDIT"])
        tenant.given(name, permission, f"2026-11-{day:02}T0{dice.randrange(10)}:00:00Z", kind)
    mixed = tenant.events + tenant.events[::3]
    dice.shuffle(mixed)
    lakes = [tenant.lake(tmp_path / "one"), tenant.lake(tmp_path / "many", [mixed[:25], mixed[25:60], mixed[60:]])]
    for lake in lakes:
        imported(tmp_path, lake)
    for what in ("show", "combinations", "coverage"):
        one, other = (ask(what, lake) for lake in lakes)
        # Of an event in two exports, the alert is the same as well.
        assert one == other, what


def test_verify_reads_the_lists_and_finds_one_that_was_changed(tmp_path):
    lake = Tenant().lake(tmp_path)
    imported(tmp_path, lake)
    assert immuta_watch("verify", "--lake", lake, "--json", expect=DONE).json["lists"] == 3
    assert "3 lists of the inventory read" in immuta_watch("verify", "--lake", lake).out
    path = lake / "inventory/date=2026-11-01/permissions.ndjson"
    path.write_text(path.read_text().replace("AUDIT", "GOVERNANCE"))
    (lake / "inventory/notes.txt").write_text("mine")
    problems = immuta_watch("verify", "--lake", lake, "--json", expect=LOOK_NEEDED).json["problems"]
    about = [problem["about"] for problem in problems]
    assert about == ["inventory/date=2026-11-01/permissions.ndjson", "inventory/notes.txt"]
    assert "it is not as it was written" in problems[0]["what"] and "--replace" in problems[0]["what"]
    said = immuta_watch("inventory", "show", "--lake", lake, expect=FAILED).err
    assert "inventory/date=2026-11-01/permissions.ndjson" in said and "damaged" in said
    imported(tmp_path, lake, LISTS, "--replace")
    (lake / "inventory/notes.txt").unlink()
    immuta_watch("verify", "--lake", lake, expect=DONE)


def test_a_run_leaves_the_lists_alone(tmp_path):
    tenant = Tenant()
    lake = tenant.lake(tmp_path)
    imported(tmp_path, lake)
    before = inventory_files(lake)
    immuta_watch("run", tmp_path / "exports", "--lake", lake, "--again")
    assert before and inventory_files(lake) == before


def test_without_a_lake_nothing_is_made(tmp_path):
    refused = imported(tmp_path, tmp_path / "slip", expect=FAILED)
    assert "there is no lake in" in refused.err and not (tmp_path / "slip").exists()


def test_in_a_lake_in_s3_the_answers_are_those_of_a_folder(cloud, tmp_path):
    tenant = Tenant()
    tenant.given("Ann", "USER_ADMIN", "2026-11-20T11:02:00Z")
    tenant.query("hr.pay")
    folder = tenant.lake(tmp_path)
    imported(tmp_path, folder)
    program, bucket = program_on(cloud), cloud.bucket()
    # The exports lie in the lake's own bucket, at its root: the lists are no exports.
    cloud.put(bucket, "exports/0.ndjson", ndjson(*tenant.events))
    lake = f"s3://{bucket}"
    program("run", f"{lake}/exports", "--lake", lake)
    program("inventory", "import", tmp_path / "lists.csv", "--lake", lake)
    assert program("inventory", "import", tmp_path / "lists.csv", "--lake", lake).out.count("there already") == 3
    in_bucket = {key for key in cloud.keys(bucket) if key.startswith("inventory/")}
    assert in_bucket == set(inventory_files(folder))
    assert program("run", lake, "--lake", lake, "--json").json["exports"] == 1
    for what in ("show", "combinations", "coverage"):
        one, other = program("inventory", what, "--lake", lake, "--json").json, ask(what, folder)
        assert one == other, what
    program("verify", "--lake", lake)


def test_a_list_of_a_hundred_thousand_is_read_in_bounded_memory(tmp_path):
    lake = Tenant().lake(tmp_path)
    def row(number):
        return f"2026-11-01,group_member,user{number}@example.com,User {number},,Group {number % 700},{number % 700}"

    path = written(tmp_path, "\n".join([HEADER, *map(row, range(100_000))]))
    begun = time.monotonic()
    done = measured("inventory", "import", path, "--lake", lake, "--json")
    took = time.monotonic() - begun
    assert done.code == DONE
    assert done.resident_mb < 400, done.resident_mb
    assert took < 30, took
    assert ask("show", lake)["standing"]["group_member"]["count"] == 100_000


def test_a_list_in_which_all_have_one_name_is_read_in_the_same_time(tmp_path):
    lake = Tenant().lake(tmp_path)
    rows = (f"2026-11-01,data_source,{number},the same,,," for number in range(50_000))
    imported(tmp_path, lake, "\n".join([HEADER, *rows]))
    assert ask("coverage", lake)["count"] == 50_000


def test_what_stands_is_what_sql_finds_in_the_ledger(tenant_lake):
    """An independent count of a simulated tenant, without lists: of each person and permission the last event."""
    changes = f"read_parquet('{tenant_lake}/ledger/changes/*/*.parquet')"
    last = f"""
        SELECT what, who, arg_max(kind, event_time) AS kind
        FROM (SELECT *, unnest(CASE WHEN kind LIKE 'Permission%' THEN permissions ELSE ['a data source'] END) AS what,
                     raw->>'$.targets[0].id' AS who
              FROM {changes}
              WHERE status = 'SUCCESS' AND event_time IS NOT NULL AND kind IN
                    ('PermissionApplied', 'PermissionRemoved', 'DatasourceCreated', 'DatasourceDeleted'))
        GROUP BY ALL"""
    with duckdb.connect() as sql:
        stand = f"SELECT what FROM ({last}) WHERE kind IN ('PermissionApplied', 'DatasourceCreated')"
        counts = f"SELECT what, count(*) FROM ({stand}) GROUP BY ALL"
        expected = dict(sql.execute(counts).fetchall())
    found = ask("show", tenant_lake)
    assert found["standing"]["data_source"]["count"] == expected.pop("a data source") > 0
    assert found["permissions"] == {name.upper().replace(" ", "_"): count for name, count in expected.items()}
    assert len(expected) > 5 and found["unclear"] == 0


@pytest.fixture
def world(cloud, slack):
    with Watcher(cloud, slack) as world:
        yield world


def test_a_grant_on_top_of_an_older_permission_is_told_once_and_an_old_state_is_not(world, tmp_path):
    now = datetime.now(timezone.utc).replace(microsecond=0)
    numbers = itertools.count(1)

    def given(name, permission, hours_ago):
        at = text(now - timedelta(hours=hours_ago))
        payload = {"type": "PermissionAppliedAuditPayload", "permission": permission}
        times = {"eventTimestamp": at, "receivedTimestamp": at}
        more = {"targetType": "USER", "targets": [user(name)], "auditPayload": payload}
        return record("PermissionApplied", next(numbers), **times, **more)

    def close_day():
        return world.sweep.invoke({"task": "close-day"})["held_together"]

    program = program_on(world.cloud)
    listed = [("Ann", "GOVERNANCE"), ("Kim", "GOVERNANCE"), ("Kim", "USER_ADMIN"), ("Zoe", "GOVERNANCE")]
    date = (now - timedelta(days=35)).date()
    rows = [f"{date},permission,{user(name)['id']},{user(name)['name']},{permission}" for name, permission in listed]
    path = written(tmp_path, "\n".join(["date,kind,id,name,permission", *rows]))

    before = [given("Eve", "GOVERNANCE", 24 * 34), given("Tom", "GOVERNANCE", 240), given("Zoe", "USER_ADMIN", 480)]
    world.export(*before, given("Bob", "AUDIT", 70), name="before.ndjson")
    program("inventory", "import", path, "--lake", world.lake)
    assert close_day() == 0
    lately = [given(name, "USER_ADMIN", 60) for name in ("Ann", "Eve", "Tom")]
    world.export(*lately, given("Bob", "AUDIT", 20), name="lately.ndjson")
    assert close_day() == 0, "the log may not be whole by then"
    world.export(given("Bob", "AUDIT", 5), name="later.ndjson")
    assert close_day() == 2
    assert close_day() == 0
    notices = [notice for notice in world.notices if notice["rule_name"] == "held_together"]
    facts = [{fact["label"]: fact["value"] for fact in notice["facts"]} for notice in notices]
    assert sorted(each["who"] for each in facts) == ["Ann Lee (ann@example.com)", "Eve (eve@example.com)"]
    (of_ann,) = [each for each in facts if each["who"].startswith("Ann")]
    assert of_ann["held before"] == f"GOVERNANCE, on the list of {date}" and "USER_ADMIN, at " in of_ann["given now"]
    told = [alert for alert, _ in world.told_by_slack()]
    for notice in notices:
        assert notice["level"] == "high" and told.count(notice["id"]) == 1
        said = program(*notice["look"].split()[1:]).out
        assert "GOVERNANCE with USER_ADMIN: 5" in said
    # Of both grants within a month the correlation tells.
    correlated = program("alerts", "--lake", world.lake, "--rule", "governance_with_user_admin", "--json").out
    assert "tom@example.com" in correlated and "ann@example.com" not in correlated and "eve@example.com" not in correlated
    rows += [f"{date},permission,lee@example.com,Lee,{permission}" for permission in ("GOVERNANCE", "USER_ADMIN")]
    path.write_text("\n".join(["date,kind,id,name,permission", *rows]))
    program("inventory", "import", path, "--lake", world.lake, "--replace")
    assert close_day() == 0, "an import tells nobody"
