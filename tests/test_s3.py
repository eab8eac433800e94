"""The command line on S3: exports and lakes in buckets."""

import contextlib
import hashlib
import itertools
import json
import os
import signal
import subprocess
import threading

import duckdb
import pytest

from aws import CUT, HALF, LOST
from binary import BINARY, FAILED, WRONG_ARGUMENTS, immuta_watch
from lakes import OPEN_DAY, differences, lake_files
from on_cloud import bucket_of, program_on, put_all


@pytest.fixture
def program(cloud):
    return program_on(cloud)


@pytest.fixture
def exports(cloud, small_tenant) -> str:
    """The small tenant's exports in a bucket of this test."""
    return put_all(cloud, small_tenant, cloud.bucket("audit"))


@pytest.fixture(scope="session")
def small_lake(small_tenant, tmp_path_factory):
    """The small tenant's lake in a folder, and what `run` said of it."""
    lake = tmp_path_factory.mktemp("small-lake") / "lake"
    return lake, immuta_watch("run", small_tenant.exports, "--lake", lake, "--json").json


def without_sources(value):
    """JSON without what comes from where an export lies. (Of an event in two exports, one is shown, chosen by address.)"""
    its_own = ("source", "line", "receivedTimestamp", "export")
    if isinstance(value, dict):
        return {name: without_sources(held) for name, held in value.items() if name not in its_own}
    return [without_sources(held) for held in value] if isinstance(value, list) else value


def lake_in(cloud, bucket) -> dict:
    """What is in a bucket, without the days that are left to compare, whose names nobody else draws."""
    return {key: text for key, text in cloud.objects(bucket).items() if not OPEN_DAY.fullmatch(key.removeprefix("lake/"))}


def test_a_lake_in_s3_is_that_of_a_folder_but_for_where_its_exports_lie(cloud, program, exports, small_tenant, small_lake):
    folder, said = small_lake
    lake = f"s3://{cloud.bucket()}/the/lake"
    ran = program("run", exports, "--lake", lake, "--json").json
    names = ("exports", "counts", "alerts", "notifications", "alerts_by_question", "conserved", "notes")
    assert {name: ran[name] for name in names} == {name: said[name] for name in names}
    verified = program("verify", "--lake", lake, "--exports", exports, "--json").json
    assert verified["whole"] and verified["exports_recounted"] == len(small_tenant.files)

    listed = program("alerts", "--lake", lake, "--limit", 0, "--json").json_lines
    in_folder = immuta_watch("alerts", "--lake", folder, "--limit", 0, "--json").json_lines
    assert without_sources(listed) == without_sources(in_folder)
    alert = listed[0]["id"]
    assert without_sources(program("explain", alert, "--lake", lake, "--json").json) == without_sources(
        immuta_watch("explain", alert, "--lake", folder, "--json").json
    )
    assert program("inspect", exports, "--json").json == immuta_watch("inspect", small_tenant.exports, "--json").json


def test_the_files_of_both_lakes_are_the_same_bytes_but_for_where_the_exports_lie(
    cloud, program, exports, small_tenant, small_lake, tmp_path
):
    bucket = cloud.bucket()
    program("run", exports, "--lake", f"s3://{bucket}/lake")
    in_s3 = {key.removeprefix("lake/"): content for key, content in cloud.objects(bucket).items()}
    in_s3 = {name: content for name, content in in_s3.items() if not OPEN_DAY.fullmatch(name)}

    def source(address: str) -> bytes:
        return hashlib.sha256(address.encode()).hexdigest()[:32].encode()

    addresses = {
        f"{exports}/{path.relative_to(small_tenant.exports)}": f"file://{path.resolve()}" for path in small_tenant.files
    }
    replaced = [(source(one), source(other)) for one, other in addresses.items()]
    replaced += [(one.encode(), other.encode()) for one, other in addresses.items()]

    def of_the_folder(content: bytes) -> bytes:
        for one, other in replaced:
            content = content.replace(one, other)
        return content

    def rows(path) -> list:
        """A ledger's rows; its one column that says where the export lies is the lake's own name for it."""
        table = f"read_parquet('{path}', hive_partitioning = false)"
        return duckdb.sql(f"SELECT COLUMNS(* EXCLUDE (source))::VARCHAR FROM {table} ORDER BY ALL").fetchall()

    folder = small_lake[0]
    in_folder = {name: folder / name for name in lake_files(folder)}
    assert sorted(of_the_folder(name.encode()).decode() for name in in_s3) == sorted(in_folder)
    for name, content in in_s3.items():
        path = in_folder[of_the_folder(name.encode()).decode()]
        if name.startswith("ledger/"):
            (tmp_path / "one.parquet").write_bytes(content)
            assert rows(tmp_path / "one.parquet") == rows(path), name
        elif name.startswith("manifests/"):
            one, other = json.loads(of_the_folder(content)), json.loads(path.read_bytes())
            for its_own in ("etag", "seal", "files"):
                one.pop(its_own), other.pop(its_own)
            assert one == other, name
        elif name.startswith(("correlated/", "profiles/")):
            # Its first line is about itself, and sealed; that of a profile stands for names of files, too.
            one, other = of_the_folder(content).split(b"\n", 1), path.read_bytes().split(b"\n", 1)
            assert one[1] == other[1], name
            its_own = {"seal": "", "files": ""}
            assert {**json.loads(one[0]), **its_own} == {**json.loads(other[0]), **its_own}, name
        else:
            assert of_the_folder(content) == path.read_bytes(), name


def test_a_lake_at_the_root_of_the_bucket_of_the_exports(cloud, program, exports, small_tenant):
    """The exports lie inside of the lake, then: its own files are told by the names it gives them."""
    bucket = bucket_of(exports)
    lake = f"s3://{bucket}"
    before = cloud.keys(bucket)
    for everything in (lake, exports):
        ran = program("run", everything, "--lake", lake, "--json").json
        assert (ran["exports"], ran["notes"]) == (len(small_tenant.files), [])
    assert program("run", lake, "--lake", lake, "--json").json["passed_over"]["lakes_own"] > 0
    assert program("verify", "--lake", lake, "--exports", lake, "--json").json["whole"]
    assert set(before) <= set(cloud.keys(bucket))


def test_a_lake_in_s3_takes_exports_from_a_folder_and_from_s3_in_one_run(cloud, program, exports, small_tenant):
    lake = f"s3://{cloud.bucket()}/lake"
    places = [exports, small_tenant.exports]
    assert program("run", *places, "--lake", lake, "--json").json["exports"] == 2 * len(small_tenant.files)
    verified = program("verify", "--lake", lake, "--exports", places[0], "--exports", places[1], "--json").json
    assert verified["whole"] and verified["exports_recounted"] == 2 * len(small_tenant.files)


def test_rules_are_published_to_a_lake_in_s3(cloud, program, pack):
    lake = f"s3://{cloud.bucket()}/lake"
    assert "Nothing was ever published" in program("publish", "--lake", lake, "--show").out
    assert "nothing to go back to" in program("publish", "--lake", lake, "--rollback", expect=FAILED).err
    assert program("publish", "--lake", lake, "--dry-run", "--json").json["outcome"] == "would_publish"
    assert cloud.keys(bucket_of(lake)) == []
    first = program("publish", "--lake", lake, "--json", "--by", "ann").json
    rule = pack / "watcher" / "webhook_deleted.yml"
    rule.write_text(rule.read_text().replace("title: Webhook deleted", "title: A webhook is gone", 1))
    assert program("publish", "--lake", lake, "--rules", pack, "--json").json["outcome"] == "published"
    back = program("publish", "--lake", lake, "--rollback")
    assert f"{first['hash']} is in force again" in back.out and f"publish --lake {lake} --rollback" in back.out
    shown = program("publish", "--lake", lake, "--show", "--json").json["current"]
    assert shown["hash"] == first["hash"] and len(shown["history"]) == 3
    assert "there is no bucket nowhere-at-all" in program("publish", "--lake", "s3://nowhere-at-all", expect=FAILED).err


def test_running_again_changes_no_byte(cloud, program, exports, small_tenant):
    lake = cloud.bucket()
    program("run", exports, "--lake", f"s3://{lake}")
    before = lake_in(cloud, lake)
    assert program("run", exports, "--lake", f"s3://{lake}", "--json").json["already_committed"] == len(small_tenant.files)
    program("run", exports, "--lake", f"s3://{lake}", "--again")
    assert differences(before, lake_in(cloud, lake)) == []


def test_answers_that_are_lost_and_calls_that_fail_leave_the_same_lake(cloud, program, exports):
    undisturbed, disturbed = cloud.bucket("undisturbed"), cloud.bucket("disturbed")
    program("run", exports, "--lake", f"s3://{undisturbed}/lake")
    seen, faults = set(), itertools.cycle([LOST, 503, CUT, 500, HALF])

    def disturb(call):
        """The first call of each kind on each object: its answer is lost or cut in the middle, or it fails."""
        asked = (call.method, call.path)
        return None if asked in seen else seen.add(asked) or next(faults)

    cloud.server.on_call = disturb
    program("run", exports, "--lake", f"s3://{disturbed}/lake", "--jobs", 4, timeout=300)
    cloud.server.on_call = None
    assert {method for method, _ in seen} >= {"PUT", "GET", "HEAD", "DELETE"}
    assert differences(lake_in(cloud, undisturbed), lake_in(cloud, disturbed)) == []


def test_an_export_whose_download_breaks_off_is_read_on_from_there(cloud, program, exports, small_tenant, tmp_path):
    broken = []

    def break_each_download_once(call):
        if call.method == "GET" and call.path.count("/") > 2 and call.path not in broken:
            broken.append(call.path)
            return HALF
        return None

    cloud.server.on_call = break_each_download_once
    ran = program("run", exports, "--lake", tmp_path / "lake", "--json").json
    downloads = [call for call in cloud.server.calls if call.method == "GET" and call.path in broken]
    assert len(broken) == len(small_tenant.files) and len(downloads) == 2 * len(broken)
    assert sum("range" in call.headers for call in downloads) == len(broken)
    assert ran["conserved"] and ran["notes"] == []
    cloud.server.on_call = None
    assert program("verify", "--lake", tmp_path / "lake", "--exports", exports, "--json").json["whole"]


def test_a_run_that_was_killed_is_mended_by_the_next_one_once_its_leases_run_out(cloud, program, exports):
    undisturbed = cloud.bucket("undisturbed")
    program("run", exports, "--lake", f"s3://{undisturbed}/lake")
    expected = lake_in(cloud, undisturbed)
    for dies_at in (2, 9, 17, 40):
        bucket = cloud.bucket(f"lake-{dies_at}")
        dead = kill_at_a_change(cloud, exports, bucket, dies_at)
        mended = start(cloud, exports, bucket, stderr=subprocess.PIPE, text=True)
        said = mended.stderr.readline()
        assert said.startswith("Waiting for exports that another process is at work on, or died over")
        let_leases_run_out(cloud, bucket, dead)
        assert mended.wait(60) == 0, mended.stderr.read()
        mended.stderr.close()
        assert differences(expected, lake_in(cloud, bucket)) == [], f"killed at change {dies_at}"


def start(cloud, exports, bucket, stderr=subprocess.DEVNULL, **options) -> subprocess.Popen:
    call = [BINARY, "run", exports, "--lake", f"s3://{bucket}/lake"]
    environment = {**os.environ, **cloud.environment}
    return subprocess.Popen(call, env=environment, stdout=subprocess.DEVNULL, stderr=stderr, **options)


def kill_at_a_change(cloud, exports, bucket, dies_at) -> int:
    """The program dies while it makes one of its changes, which then has taken place or has not. Its number."""
    changes = itertools.count()
    started = threading.Event()

    def kill(call):
        if call.method in ("PUT", "DELETE") and next(changes) == dies_at:
            started.wait()
            doomed.kill()
            return LOST if dies_at % 2 else CUT
        return None

    cloud.server.on_call = kill
    doomed = start(cloud, exports, bucket)
    started.set()
    assert doomed.wait(60) == -signal.SIGKILL
    cloud.server.on_call = None
    return doomed.pid


def let_leases_run_out(cloud, bucket, process: int) -> None:
    """As if the time of a process's leases had passed."""
    for name in cloud.keys(bucket, "lake/leases/"):
        with contextlib.suppress(cloud.s3.exceptions.NoSuchKey):  # another process works meanwhile
            lease = json.loads(cloud.get(bucket, name))
            if lease["holder"].startswith(f"{process}-"):
                lease["expires"] = "2026-01-01T00:00:00Z"
                cloud.put(bucket, name, json.dumps(lease).encode())


def test_a_lake_in_a_folder_takes_exports_from_s3(program, exports, tmp_path, small_tenant):
    program("run", exports, "--lake", tmp_path / "lake")
    verified = program("verify", "--lake", tmp_path / "lake", "--json").json
    assert verified["whole"] and verified["exports_recounted"] == len(small_tenant.files)


def test_one_object_is_an_export_and_a_folder_is_not_its_neighbour(cloud, program, small_tenant, tmp_path):
    bucket = cloud.bucket("audit")
    content = small_tenant.files[0].read_bytes()
    keys = ["audit/dt=2026 11/a b+c%20ü:1.json.gz", "audit/2", "audit-old/3"]
    for key in keys:
        cloud.put(bucket, key, content)

    def read(address):
        return program("run", address, "--lake", tmp_path / "lake", "--again", "--json").json["exports"]

    assert read(f"s3://{bucket}/{keys[0]}") == 1
    assert read(f"s3://{bucket}/audit") == 2
    assert read(f"s3://{bucket}/audit/") == 2
    assert read(f"s3://{bucket}") == 3
    manifests = [json.loads(path.read_text())["uri"] for path in (tmp_path / "lake" / "manifests").iterdir()]
    assert sorted(manifests) == sorted(f"s3://{bucket}/{key}" for key in keys)


def test_the_lakes_own_files_and_empty_objects_are_no_exports(cloud, program, exports, small_tenant):
    bucket = bucket_of(exports)
    cloud.put(bucket, "exports/folder/", b"")
    lake = f"{exports}/lake"
    program("run", exports, "--lake", lake)
    again = program("run", exports, "--lake", lake, "--json").json
    own = len(cloud.keys(bucket, "exports/lake/"))
    assert again["passed_over"] == {"empty": 1, "lakes_own": own}
    assert (again["exports"], again["notes"]) == (len(small_tenant.files), [])
    assert program("verify", "--lake", lake, "--exports", exports, "--json").json["whole"]


def test_verify_finds_an_export_that_was_replaced_and_one_that_is_gone(cloud, program, exports):
    lake = f"s3://{cloud.bucket()}"
    program("run", exports, "--lake", lake)
    bucket = bucket_of(exports)
    replaced, gone = cloud.keys(bucket)[:2]
    cloud.put(bucket, replaced, b"{}\n")
    cloud.s3.delete_object(Bucket=bucket, Key=gone)
    verified = program("verify", "--lake", lake, "--json", expect=1).json
    assert [problem["about"] for problem in verified["problems"]] == [f"s3://{bucket}/{replaced}"]
    assert verified["exports_absent"] == 1


def test_what_cannot_be_reached_is_said_with_what_to_do(cloud, program, exports, tmp_path):
    def said(*arguments, **options):
        return program(*arguments, expect=FAILED, **options).err

    lake = tmp_path / "lake"
    assert "there is no bucket nowhere-at-all" in said("run", "s3://nowhere-at-all/x", "--lake", lake)
    assert "there is no bucket nowhere-at-all" in said("run", exports, "--lake", "s3://nowhere-at-all/x")
    assert "there is no lake in s3://" in said("verify", "--lake", f"s3://{bucket_of(exports)}/lake")
    assert "there is no export in" in said("inspect", f"s3://{bucket_of(exports)}/nothing/")
    cloud.server.on_call = lambda call: 403
    assert "s3:ListBucket is needed" in said("inspect", exports)
    cloud.server.on_call = None
    unsigned = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    unsigned |= {"AWS_ENDPOINT_URL": cloud.server.url, "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}
    unsigned["HOME"] = str(tmp_path)
    said_unsigned = immuta_watch("inspect", exports, env=unsigned, expect=FAILED).err
    assert "no AWS credentials were found; set AWS_PROFILE" in said_unsigned
    keys = {name: value for name, value in cloud.environment.items() if name.startswith("AWS_") and "REGION" not in name}
    nowhere = {**unsigned, **keys}
    del nowhere["AWS_REGION"]
    assert "no AWS region is set; set AWS_REGION" in immuta_watch("inspect", exports, env=nowhere, expect=FAILED).err
    (tmp_path / ".aws").mkdir()
    single_sign_on = "[profile sso]\nregion=eu-west-1\nsso_start_url=https://x\nsso_region=eu-west-1\n"
    (tmp_path / ".aws" / "config").write_text(single_sign_on + "sso_account_id=1\nsso_role_name=r\n")
    signed_on = {**unsigned, "AWS_PROFILE": "sso"}
    assert "aws configure export-credentials" in immuta_watch("inspect", exports, env=signed_on, expect=FAILED).err
    for slip in ("s3:/bucket/x", "S3://bucket/x", "s3:bucket"):
        err = program("run", slip, "--lake", lake, expect=WRONG_ARGUMENTS).err
        assert "looks like s3://bucket/prefix" in err and slip in err
    assert not lake.exists()
