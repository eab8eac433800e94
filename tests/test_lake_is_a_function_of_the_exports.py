"""Promise: the lake is a function of the exports. Any order, twice, at once, killed anywhere: the same bytes."""

import os
import random
import shutil
import signal
import time

import pytest

from binary import immuta_watch, start
from lakes import differences, lake_files

# Another number tries other kills.
FIRST_SEED = int(os.environ.get("KILL_SEED", "1"))
KILLS = 50


@pytest.fixture(scope="module")
def undisturbed(small_tenant, tmp_path_factory):
    """The files of a lake that one process wrote in peace."""
    lake = tmp_path_factory.mktemp("undisturbed") / "lake"
    immuta_watch("run", small_tenant.exports, "--lake", lake)
    return lake_files(lake)


def assert_same(lake, undisturbed):
    assert differences(lake_files(lake), undisturbed) == []


def test_the_order_of_the_arguments_does_not_matter(small_tenant, undisturbed, tmp_path):
    files = small_tenant.files
    for seed in range(3):
        random.Random(seed).shuffle(files)
        lake = tmp_path / f"lake-{seed}"
        immuta_watch("run", *files, "--lake", lake)
        assert_same(lake, undisturbed)


def test_an_export_given_twice_is_read_once(small_tenant, undisturbed, tmp_path):
    lake = tmp_path / "lake"
    ran = immuta_watch("run", small_tenant.exports, *small_tenant.files, "--lake", lake, "--json")
    assert ran.json["exports"] == len(small_tenant.files)
    assert_same(lake, undisturbed)


def test_one_by_one_is_as_good_as_all_at_once(small_tenant, undisturbed, tmp_path):
    lake = tmp_path / "lake"
    for file in reversed(small_tenant.files):
        immuta_watch("run", file, "--lake", lake)
    assert_same(lake, undisturbed)


@pytest.mark.parametrize("jobs", [1, 8])
def test_the_number_of_threads_does_not_matter(small_tenant, undisturbed, tmp_path, jobs):
    lake = tmp_path / "lake"
    immuta_watch("run", small_tenant.exports, "--lake", lake, "--jobs", jobs)
    assert_same(lake, undisturbed)


def test_four_processes_at_once_write_one_lake(small_tenant, undisturbed, tmp_path):
    lake = tmp_path / "lake"
    processes = [start("run", small_tenant.exports, "--lake", lake) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert_same(lake, undisturbed)


def test_a_second_run_changes_nothing(small_tenant, undisturbed, tmp_path):
    lake = tmp_path / "lake"
    immuta_watch("run", small_tenant.exports, "--lake", lake)
    written = {path: path.stat().st_mtime_ns for path in lake.glob("[a-z]*/**/*") if path.is_file()}
    ran = immuta_watch("run", small_tenant.exports, "--lake", lake, "--json")
    assert ran.json["already_committed"] == ran.json["exports"] == len(small_tenant.files)
    assert written == {path: path.stat().st_mtime_ns for path in written}
    assert_same(lake, undisturbed)


def test_classifying_again_with_the_same_pack_gives_the_same_lake(small_tenant, undisturbed, tmp_path):
    lake = tmp_path / "lake"
    immuta_watch("run", small_tenant.exports, "--lake", lake)
    immuta_watch("run", small_tenant.exports, "--lake", lake, "--again")
    assert_same(lake, undisturbed)


def test_another_pack_and_back_leaves_no_trace(small_tenant, undisturbed, other_pack, tmp_path):
    lake = tmp_path / "lake"
    immuta_watch("run", small_tenant.exports, "--lake", lake)
    immuta_watch("run", small_tenant.exports, "--lake", lake, "--again", "--rules", other_pack)
    changed = differences(lake_files(lake), undisturbed)
    assert any(name.startswith("alerts/") for name in changed)
    assert not any(name.startswith("ledger/") for name in changed)
    immuta_watch("run", small_tenant.exports, "--lake", lake, "--again")
    assert_same(lake, undisturbed)


class Undisturbed:
    """Three exports, and what one process makes of them in peace: with the first pack, and again with another."""

    def __init__(self, tenant, other_pack, folder):
        self.other_pack = other_pack
        self.exports = folder / "exports"
        self.exports.mkdir(parents=True)
        for number, file in enumerate(tenant.files[:3]):
            shutil.copy(file, self.exports / f"{number}.json.gz")
        self.lake = folder / "lake"
        self.seconds = self.time_of(self.run(self.lake))
        self.files = lake_files(self.lake)
        self.other_lake = folder / "other-lake"
        shutil.copytree(self.lake, self.other_lake)
        self.seconds_again = self.time_of(self.run_again(self.other_lake))
        self.files_again = lake_files(self.other_lake)
        assert self.files != self.files_again

    @staticmethod
    def time_of(call):
        began = time.monotonic()
        immuta_watch(*call)
        return time.monotonic() - began

    def run(self, lake):
        return ["run", self.exports, "--lake", lake, "--jobs", 2]

    def run_again(self, lake):
        return [*self.run(lake), "--again", "--rules", self.other_pack]


@pytest.fixture(scope="module")
def in_peace(small_tenant, other_pack, tmp_path_factory):
    return Undisturbed(small_tenant, other_pack, tmp_path_factory.mktemp("kills"))


@pytest.fixture(scope="module")
def landed():
    """For each kill, whether it ended a process at work."""
    return []


def kill_after(seconds, process) -> bool:
    """Whether the process was still at work."""
    time.sleep(seconds)
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + KILLS))
def test_a_killed_process_is_mended_by_running_again(in_peace, landed, tmp_path, seed):
    dice = random.Random(seed)
    lake = tmp_path / "lake"
    case = dice.choice(["first run", "first run", "again", "again", "one of two", "three times over"])
    call, seconds, expected = in_peace.run(lake), in_peace.seconds, in_peace.files
    if case == "again":
        shutil.copytree(in_peace.lake, lake)
        call, seconds, expected = in_peace.run_again(lake), in_peace.seconds_again, in_peace.files_again
    delay = dice.uniform(0, seconds)
    print(f"seed {seed}: {case}, killed after {delay * 1000:.0f} of {seconds * 1000:.0f} ms")

    if case == "one of two":
        survivor, victim = start(*call), start(*call)
        landed.append(kill_after(delay, victim))
        assert survivor.wait(60) == 0
    else:
        for _ in range(3 if case == "three times over" else 1):
            landed.append(kill_after(delay, start(*call)))
            delay = dice.uniform(0, seconds)

    immuta_watch(*call)
    assert differences(lake_files(lake), expected) == []
    assert list((lake / "leases").glob("*")) == []
    assert list((lake / ".immuta-watch" / "tmp").iterdir()) == []
    assert immuta_watch("verify", "--lake", lake, "--exports", in_peace.exports, "--json").json["whole"]


def test_the_kills_landed_on_processes_at_work(landed):
    if len(landed) < KILLS:
        pytest.fail("this counts the kills of the test before it; run both")
    assert sum(landed) > len(landed) / 2, f"only {sum(landed)} of {len(landed)} kills hit a process at work"


def test_a_kill_while_classifying_again_leaves_whole_exports_of_either_pack(in_peace, tmp_path):
    dice = random.Random(FIRST_SEED)
    for attempt in range(4):
        lake = tmp_path / f"lake-{attempt}"
        shutil.copytree(in_peace.lake, lake)
        kill_after(dice.uniform(0.2, 1) * in_peace.seconds_again, start(*in_peace.run_again(lake)))
        # No `--again` and the first pack: only what was left half done is classified once more.
        immuta_watch(*in_peace.run(lake))
        immuta_watch("verify", "--lake", lake, "--exports", in_peace.exports)
        for name, content in lake_files(lake).items():
            if name.startswith("manifests/"):
                assert content in (in_peace.files[name], in_peace.files_again[name])
