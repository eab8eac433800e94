"""The Lambda runtime API of one execution environment: a process asks it for work, and answers there.

The routes and headers are those of AWS's "Lambda runtime API", version 2018-06-01.
"""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/2018-06-01/runtime"
# Lambda's largest answer to a synchronous invocation, in bytes.
LARGEST_ANSWER = 6_291_556


class Invocation:
    """One event on its way through a process, and what became of it."""

    def __init__(self, payload: bytes, timeout_s: float, arn: str):
        self.id = str(uuid.uuid4())
        self.payload = payload
        self.timeout_s = timeout_s
        self.arn = arn
        self.answer = None  # bytes
        self.error = None  # {"errorType": ..., "errorMessage": ...}
        self.deadline = None  # monotonic seconds, from when a process took it
        self.taken = threading.Event()
        self.over = threading.Event()
        self._first = threading.Lock()

    def headers(self) -> dict:
        """The headers of the answer to `next`. The clock of the time-out starts here."""
        self.deadline = time.monotonic() + self.timeout_s
        trace = uuid.uuid4().hex
        return {
            "Lambda-Runtime-Aws-Request-Id": self.id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{trace[:8]}-{trace[8:]};Parent={trace[:16]};Sampled=0",
            "Content-Type": "application/json",
        }

    def wait(self) -> bool:
        """Waits until it is over, or past its deadline (False)."""
        return self.over.is_set() or self.over.wait(max(0, self.deadline - time.monotonic()))

    def end(self, answer=None, error=None) -> bool:
        """Sets the outcome, if there is none yet."""
        with self._first:
            if self.over.is_set():
                return False
            self.answer, self.error = answer, error
            self.over.set()
            # Whoever waits for it to be taken need not wait longer.
            self.taken.set()
            return True


class RuntimeApi:
    """The server of one process. `on_call` runs, with the path, in each call before it is answered."""

    def __init__(self, on_call):
        self.on_call = on_call
        self.first_next = None  # monotonic seconds
        self.ready = threading.Event()
        self.init_error = None
        self._changed = threading.Condition()
        self._waiting = None  # not yet taken
        self._current = None  # taken, and not answered
        self._closed = None  # the error of what is offered to a process that is gone
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def offer(self, invocation: Invocation) -> None:
        with self._changed:
            if not self._closed:
                self._waiting = invocation
                self._changed.notify_all()
                return
        invocation.end(error=self._closed)

    def close(self, error: dict) -> None:
        """The process is gone: what it was given has failed, with this error."""
        error = self.init_error or error
        with self._changed:
            self._closed = error
            left = [each for each in (self._waiting, self._current) if each]
            self._changed.notify_all()
        for invocation in left:
            invocation.end(error=error)
        self.ready.set()
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> "Invocation | None":
        """The next invocation, when there is one; None when the process is gone."""
        if self.first_next is None:
            self.first_next = time.monotonic()
        self.ready.set()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._current, self._waiting = self._waiting, None
            return self._current

    def current(self, request_id: str) -> "Invocation | None":
        with self._changed:
            return self._current if self._current and self._current.id == request_id else None

    def answered(self) -> None:
        with self._changed:
            self._current = None


def _handler_of(api: RuntimeApi):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def do_GET(self):
            api.on_call(self.path)
            if self.path != f"{PREFIX}/invocation/next":
                return self.reply(404, {"errorType": "NotFound"})
            invocation = api.next()
            if invocation is None:
                self.close_connection = True
                return
            self.reply(200, invocation.payload, invocation.headers())
            invocation.taken.set()

        def do_POST(self):
            body = self.body()
            api.on_call(self.path)
            if self.path == f"{PREFIX}/init/error":
                api.init_error = _error(body, "Runtime.InitError")
                return self.reply(202, {"status": "OK"})
            request_id, _, what = self.path.removeprefix(f"{PREFIX}/invocation/").partition("/")
            invocation = api.current(request_id)
            if invocation is None or what not in ("response", "error"):
                return self.reply(400, {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"})
            api.answered()
            if what == "error":
                ended = {"error": _error(body, self.headers.get("Lambda-Runtime-Function-Error-Type", "Unhandled"))}
            elif len(body) > LARGEST_ANSWER:
                ended = {"error": {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": f"{len(body)} bytes"}}
            else:
                ended = {"answer": body}
            self.reply(413 if ended.get("error") and what == "response" else 202, {"status": "OK"})
            invocation.end(**ended)

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return body

        def reply(self, status, content, headers=None):
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            try:
                self.send_response(status)
                for name, value in (headers or {"Content-Type": "application/json"}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # the process was killed; whoever waits for it hears of that elsewhere

    return Handler


def _error(body: bytes, kind: str) -> dict:
    """The error that a runtime reports; `kind` where it names none."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {"errorMessage": body.decode(errors="replace")}
    return {"errorType": said.get("errorType") or kind, "errorMessage": said.get("errorMessage") or ""}
