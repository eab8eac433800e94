"""Running the real binary."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("IMMUTA_WATCH", ROOT / "target" / "demo" / "immuta-watch")).absolute()
# The function `classify`.
CLASSIFY = Path(os.environ.get("IMMUTA_WATCH_CLASSIFY", ROOT / "target" / "demo" / "classify")).absolute()
# The function `sweep`.
SWEEP = Path(os.environ.get("IMMUTA_WATCH_SWEEP", ROOT / "target" / "demo" / "sweep")).absolute()
# The function `webhook`.
WEBHOOK = Path(os.environ.get("IMMUTA_WATCH_WEBHOOK", ROOT / "target" / "demo" / "webhook")).absolute()

# Longer than any call takes on a slow machine; a call that hangs fails its test instead of stopping the suite.
PATIENCE = 60

# The exit codes that `immuta-watch --help` documents.
DONE, LOOK_NEEDED, WRONG_ARGUMENTS, FAILED = 0, 1, 2, 3


class Ran(NamedTuple):
    """What became of a call."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


def immuta_watch(*arguments, expect=DONE, timeout=PATIENCE, **options) -> Ran:
    """Runs the binary to its end, which must be the expected exit code (None: any)."""
    done = subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, **options
    )
    ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    if expect is not None:
        assert ran.code == expect, f"exit code {ran.code} of {arguments}:\n{ran.out}\n{ran.err}"
    return ran


def start(*arguments) -> subprocess.Popen:
    """Starts the binary and does not wait for it."""
    return subprocess.Popen(
        [BINARY, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def publish(lake: str, environment: dict, *arguments) -> Ran:
    """Puts the pack inside the program, and a configuration if one is named, in force in a lake in S3."""
    return immuta_watch("publish", "--lake", lake, *arguments, env={**os.environ, **environment})


class Measured(NamedTuple):
    """What became of a call, and the most memory that it held."""

    code: int
    out: str
    resident_mb: float


# A child's peak begins with that of the process it was started from, and this one, with DuckDB in it, is large.
# So a small process starts the binary and reads its usage.
MEASURE = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
sys.stderr.write(f"\\n{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")
"""


def measured(*arguments, timeout=PATIENCE) -> Measured:
    """Runs the binary to its end and measures its peak resident memory."""
    command = [sys.executable, "-I", "-S", "-c", MEASURE, str(BINARY), *map(str, arguments)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # the group is this call's own: the measuring process and the binary
        process.communicate()
        raise AssertionError(f"not done after {timeout} s: {arguments}") from None
    code, peak = err.decode().rsplit("\n", 1)[1].split()
    # Linux counts in kB, macOS in bytes.
    return Measured(int(code), out.decode(), int(peak) / (1e6 if sys.platform == "darwin" else 1e3))
