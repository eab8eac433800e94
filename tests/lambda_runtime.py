"""Running a built function as Lambda does.

One process is one execution environment, which handles one invocation at a time; a cold start makes another where all
are busy. A process that outlasts an invocation's time-out is killed, and one that ends is replaced by the next
invocation's cold start.
"""

import json
import os
import select
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from runtime_api import Invocation, RuntimeApi

REGION = "eu-west-1"
ACCOUNT = "123456789012"
# Longer than any function takes to start on a slow machine, in seconds.
LONGEST_START = 60


class InvocationFailed(Exception):
    """An invocation that ended without an answer: an error, a crash, or (`TimedOut`) its deadline."""

    def __init__(self, error: dict, logs: list):
        self.error_type, self.message, self.logs = error["errorType"], error["errorMessage"], logs
        super().__init__("\n".join([f"{self.error_type}: {self.message}", *logs[-20:]]))


class TimedOut(InvocationFailed):
    """An invocation that was not over by its deadline. Its process was killed."""


class Environment:
    """One process, and the runtime API that it talks to."""

    def __init__(self, function: "Function"):
        self.function = function
        self.peak_mb = None
        self._reading = threading.Lock()
        self._rest = b""
        self.api = RuntimeApi(self._measure)
        self.started = time.monotonic()
        try:
            self.process = subprocess.Popen(
                function.command,
                env=function.environment_of(self.api.address),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError:
            self.api.close({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": "the process did not start"})
            raise
        self._pipe = self.process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()
        self.ended = threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    @property
    def init_seconds(self) -> "float | None":
        """From the start of the process to its first request for work."""
        first = self.api.first_next
        return None if first is None else first - self.started

    def handle(self, invocation: Invocation) -> None:
        """Has the invocation handled; when this returns, it is over."""
        self.api.offer(invocation)
        if not invocation.taken.wait(LONGEST_START):
            invocation.end(error={"errorType": "Sandbox.Timedout", "errorMessage": f"no `next` in {LONGEST_START} s"})
        elif not invocation.wait():
            message = f"{invocation.id} Task timed out after {invocation.timeout_s:.2f} seconds"
            invocation.end(error={"errorType": "Sandbox.Timedout", "errorMessage": message})
        if invocation.error and invocation.error["errorType"] == "Sandbox.Timedout":
            self.kill()
        self.drain()

    def kill(self) -> None:
        """Kills the process, and waits until it is gone."""
        self._measure()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.ended.wait()

    def drain(self) -> None:
        """Takes in whatever the process has written up to now."""
        with self._reading:
            self._read()

    def _measure(self, _path=None) -> None:
        with suppress(OSError, AttributeError):  # it is gone, or has not begun, or this is not Linux
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.peak_mb = int(line.split()[1]) / 1e3

    def _read_all(self) -> None:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        more = True
        while more:
            poll.poll()
            with self._reading:
                more = self._read()

    def _read(self) -> bool:
        """Reads until there is nothing more for now; False at the end of the pipe."""
        while True:
            try:
                read = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                return True
            except OSError:
                return False
            *lines, self._rest = (self._rest + read).split(b"\n")
            if not read and self._rest:
                lines, self._rest = [self._rest], b""
            for line in lines:
                self.function.logged(line.decode(errors="replace"))
            if not read:
                return False

    def _wait(self) -> None:
        code = self.process.wait()
        how = f"signal: {-code}" if code < 0 else f"exit status {code}"
        # Not longer than this: a process of its own might still hold the pipe open.
        self._reader.join(5)
        # In this order: nobody is given a process that is gone, and whoever waits for its end finds all of it done.
        self.function.gone(self)
        self.api.close({"errorType": "Runtime.ExitError", "errorMessage": f"Runtime exited: {how}"})
        self.ended.set()
        if not self._reader.is_alive():
            with self._reading:
                self.process.stdout.close()
                self._pipe = -1


class Function:
    """A function, deployed. `with Function(...) as function: function.invoke(event)`.

    `binary` is the program, or a command as a list. `concurrency` is how many processes there may be at once.
    """

    def __init__(self, binary, environment=None, memory_mb=512, timeout_s=60, concurrency=1, name="classify"):
        self.command = [str(part) for part in (binary if isinstance(binary, (list, tuple)) else [binary])]
        self.environment = {key: str(value) for key, value in (environment or {}).items()}
        self.memory_mb, self.timeout_s, self.concurrency, self.name = memory_mb, timeout_s, concurrency, name
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        # What the processes wrote, of all of them, by line.
        self.logs = []
        # Called with each line as soon as it is read. It may call `kill_soon`.
        self.on_log = None
        # Every process there was, for its `peak_mb` and `init_seconds`.
        self.environments = []
        self._alive = []
        self._idle = []
        self._closed = False
        self._changed = threading.Condition()

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def environment_of(self, address: str) -> dict:
        """What Lambda sets, what the function's configuration sets, and nothing of this machine's."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": "bootstrap",
            "AWS_LAMBDA_RUNTIME_API": address,
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/02/[$LATEST]0123456789abcdef0123456789abcdef",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_EC2_METADATA_DISABLED": "true",
            "RUST_BACKTRACE": "1",
            # Coverage of an instrumented build.
            **{name: value for name, value in os.environ.items() if name == "LLVM_PROFILE_FILE"},
            **self.environment,
        }

    def invoke(self, event, timeout_s=None):
        """Invokes with an event (or its bytes) and returns the answer, parsed. May be called from many threads."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        invocation = Invocation(payload, timeout_s or self.timeout_s, self.arn)
        environment = self._take()
        try:
            environment.handle(invocation)
        finally:
            self._give_back(environment)
        if invocation.error:
            kind = TimedOut if invocation.error["errorType"] == "Sandbox.Timedout" else InvocationFailed
            raise kind(invocation.error, list(self.logs))
        return json.loads(invocation.answer) if invocation.answer else None

    def start(self) -> Environment:
        """Starts a process ahead of any invocation, and waits for its first request for work."""
        environment = self._take()
        try:
            assert environment.api.ready.wait(LONGEST_START), f"no `next` in {LONGEST_START} s"
        finally:
            self._give_back(environment)
        return environment

    def kill(self) -> int:
        """Kills every process there is now, as a crash of the machine would, and waits; returns how many."""
        with self._changed:
            alive = list(self._alive)
        for environment in alive:
            environment.kill()
        return len(alive)

    def kill_soon(self) -> None:
        """Kills every process there is now and does not wait: for use in `on_log`, and in hooks of other servers."""
        with self._changed:
            alive = list(self._alive)
        for environment in alive:
            with suppress(ProcessLookupError):
                environment.process.kill()

    def close(self) -> None:
        self._closed = True
        self.kill()

    @property
    def log_lines(self) -> list:
        """Those lines of the log that are JSON objects, parsed."""
        parsed = []
        for line in list(self.logs):
            with suppress(ValueError):
                parsed.append(json.loads(line))
        return [line for line in parsed if isinstance(line, dict)]

    @property
    def cold_starts(self) -> int:
        return len(self.environments)

    @property
    def peak_mb(self) -> "float | None":
        """The largest peak of resident memory of any process (10^6 bytes), as last seen; None off Linux."""
        for environment in list(self._alive):
            environment._measure()
        return max((each.peak_mb for each in self.environments if each.peak_mb is not None), default=None)

    def logged(self, line: str) -> None:
        self.logs.append(line)
        if self.on_log:
            self.on_log(line)

    def gone(self, environment: Environment) -> None:
        with self._changed:
            for those in (self._alive, self._idle):
                if environment in those:
                    those.remove(environment)
            self._changed.notify_all()

    def _take(self) -> Environment:
        with self._changed:
            self._changed.wait_for(lambda: self._idle or len(self._alive) < self.concurrency)
            assert not self._closed, "the function is closed"
            if self._idle:
                return self._idle.pop()
            environment = Environment(self)
            # It may have ended already, before it could be told from the others.
            if not environment.ended.is_set():
                self._alive.append(environment)
            self.environments.append(environment)
            return environment

    def _give_back(self, environment: Environment) -> None:
        with self._changed:
            if environment in self._alive:
                self._idle.append(environment)
            self._changed.notify_all()
