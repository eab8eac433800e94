"""A function URL: takes HTTP requests and invokes the function with each, as Lambda does."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lambda_runtime import Function, InvocationFailed


class FunctionUrl:
    """`with FunctionUrl(function) as address:` — `address.url` is where the function is reached."""

    def __init__(self, function: Function):
        self.function = function
        # What is answered in the function's stead: a status; or None. With `lost`, the function is invoked first.
        self.answer_with, self.lost = None, False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "FunctionUrl":
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, event: dict) -> int:
        if self.answer_with and not self.lost:
            return self.answer_with
        try:
            status = self.function.invoke(event)["statusCode"]
        except InvocationFailed:
            status = 502
        return self.answer_with or status


def _handler_of(address: FunctionUrl):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            event = {
                "version": "2.0",
                "rawPath": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "requestContext": {"http": {"method": "POST", "path": self.path, "sourceIp": "192.0.2.7"}},
                "body": base64.b64encode(body).decode(),
                "isBase64Encoded": True,
            }
            self.send_response(address.answer(event))
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
