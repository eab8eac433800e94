"""A Slack that takes incoming webhooks and answers as it is told; and any other receiver of webhooks."""

import hashlib
import hmac
import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """What becomes of a request."""

    # None: no answer at all.
    status: "int | None" = 200
    body: bytes = b"ok"
    headers: dict = {}
    # Whether the message stands in the channel afterwards.
    taken: bool = False
    # Seconds between any two bytes of the body.
    slowness: float = 0
    # With no answer: close the connection (else it is left open, silent).
    close: bool = False


# The answers of Slack, by its documentation.
OK = Answer(taken=True)
SERVER_ERROR = Answer(500, b"rollup_error")
INVALID_BLOCKS = Answer(400, b"invalid_blocks")
NO_SERVICE = Answer(404, b"no_service")
# Takes the message, then closes the connection before any byte of the answer.
LOST = Answer(None, taken=True, close=True)
# Reads the request and says nothing, ever.
NEVER = Answer(None)


def rate_limited(seconds=1) -> Answer:
    return Answer(429, b"rate_limited", {"Retry-After": str(seconds)})


def slow(seconds=1, status=200, body=b"ok", taken=True) -> Answer:
    """Answers with a body of which each byte takes so many seconds."""
    return Answer(status, body, taken=taken, slowness=seconds)


class Request(NamedTuple):
    """A request, as it came."""

    path: str
    # Names in lower case.
    headers: dict
    raw: bytes
    answer: Answer

    @property
    def body(self):
        return json.loads(self.raw)


class Slack:
    """`with Slack() as slack:` — post to `slack.url`; what stands in the channel is in `slack.messages`.

    The answers come from `script(...)` first, then from `answer_with` (a function of the request, or one answer).
    """

    PATH = "/services/T00000000/B00000000/secret-of-the-webhook"

    def __init__(self):
        self.answer_with = OK
        # Every request, whatever became of it.
        self.requests = []
        self._script = []
        self._changed = threading.Condition()
        self._port = 0
        self._server = None
        self._connections = set()
        self.start()

    def __enter__(self) -> "Slack":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self.address(self.PATH)

    def address(self, path: str) -> str:
        """The address of another path of the same server."""
        return f"http://127.0.0.1:{self._port}{path}"

    @property
    def messages(self) -> list:
        """The bodies of the requests that were taken: what people see in the channel."""
        with self._changed:
            return [request.body for request in self.requests if request.answer.taken]

    def script(self, *answers: Answer) -> None:
        """The answers to the next requests, one each."""
        with self._changed:
            self._script = list(answers)

    def wait_for(self, count: int, limit_s=60) -> list:
        """Waits until there have been so many requests, and returns them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, limit_s), f"{len(self.requests)} requests"
            return list(self.requests)

    def start(self) -> None:
        """Listens (again, at the same port)."""
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler_of(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from here on, and drops those that are open."""
        if self._server:
            self._released.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            with self._changed:
                open_ones = list(self._connections)
            for connection in open_ones:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def received(self, path: str, headers: dict, raw: bytes) -> Answer:
        with self._changed:
            request = Request(path, headers, raw, OK)
            answer = self._script.pop(0) if self._script else self.answer_with
            if callable(answer):
                answer = answer(request)
            self.requests.append(request._replace(answer=answer))
            self._changed.notify_all()
        return answer


def signature_holds(request: Request, secret: str) -> bool:
    """Whether a webhook's signature is the HMAC-SHA256, with this secret, over its timestamp, a full stop and its body."""
    timestamp = request.headers.get("x-immuta-watch-timestamp", "")
    signed = timestamp.encode() + b"." + request.raw
    expected = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    said = request.headers.get("x-immuta-watch-signature-256", "")
    return timestamp != "" and hmac.compare_digest(said.encode(), expected.encode())


def _handler_of(slack: Slack):
    released = slack._released

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def setup(self):
            super().setup()
            with slack._changed:
                slack._connections.add(self.connection)

        def finish(self):
            with slack._changed:
                slack._connections.discard(self.connection)
            with suppress(OSError):
                super().finish()

        def do_POST(self):
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = slack.received(self.path, headers, raw)
            try:
                self.give(answer)
            except OSError:
                self.close_connection = True  # the caller has given up

        def give(self, answer: Answer):
            if answer.status is None:
                self.close_connection = True
                if not answer.close:
                    released.wait()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if not answer.slowness:
                self.wfile.write(answer.body)
                return
            for byte in answer.body:
                if released.wait(answer.slowness):
                    self.close_connection = True
                    return
                self.wfile.write(bytes([byte]))

    return Handler
