#!/usr/bin/env python3
"""Runs the end-to-end tests, in a virtual environment of their own: python3 tests/run.py [pytest arguments].

Needs Python alone. The environment is made in .venv on the first run, and again when tests/requirements.txt changes.
Where it cannot be made (no network), the tests are skipped and say so; with NO_SKIPS=1 that is a failure.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = TESTS / "requirements.txt"
# Holds the hash of the requirements that the environment was made for. Written last, so that an environment that was
# only half made is made again.
STAMP = ENVIRONMENT / "requirements.sha256"


def python() -> Path:
    folder = "Scripts" if os.name == "nt" else "bin"
    return ENVIRONMENT / folder / "python"


def wanted_stamp() -> str:
    version = ".".join(map(str, sys.version_info[:2]))
    return hashlib.sha256(REQUIREMENTS.read_bytes() + version.encode()).hexdigest()


def make_environment() -> "str | None":
    """Makes the environment if it is not there; returns why it could not be made."""
    if STAMP.exists() and python().exists() and STAMP.read_text() == wanted_stamp():
        return None
    print("Making the environment of the end-to-end tests in .venv ...", flush=True)
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            return f"`{' '.join(step[1:4])}` failed, as it does without a network: {said[-1]}"
    STAMP.write_text(wanted_stamp())
    return None


def main() -> int:
    reason = make_environment()
    if reason is not None:
        print(f"SKIPPED end-to-end tests: {reason}")
        return 1 if os.environ.get("NO_SKIPS") == "1" else 0
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    # `testpaths` is what runs where no argument names a file or folder.
    places = ["-c", str(TESTS / "pytest.ini"), "--rootdir", str(ROOT), "-o", "testpaths=tests"]
    command = [str(python()), "-m", "pytest", *places, "-rs", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
