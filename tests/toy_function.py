"""A function of a few lines that speaks the runtime API and does what its event says: it tries out the harness."""

import json
import os
import sys
import threading
import time
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"


def post(path, content, headers=None):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", body, headers or {})).read()


def handle(event, headers):
    if "Records" in event:
        bad = [each["messageId"] for each in event["Records"] if each["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}
    if "raise" in event:
        raise ValueError(event["raise"])
    if "print" in event:
        print(event["print"], flush=True)
    if "exit" in event:
        os._exit(event["exit"])
    if event.get("hang"):
        threading.Event().wait()
    left = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    return {"pid": os.getpid(), "left": left, "arn": headers["Lambda-Runtime-Invoked-Function-Arn"], **event}


if "INIT_ERROR" in os.environ:
    post("init/error", {"errorType": "BadConfiguration", "errorMessage": os.environ["INIT_ERROR"]})
    sys.exit(1)
while True:
    with urllib.request.urlopen(f"{API}/invocation/next") as asked:
        headers, body = dict(asked.headers), asked.read()
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        answer = handle(json.loads(body), headers)
    except ValueError as error:
        post(f"invocation/{request_id}/error", {"errorType": "ValueError", "errorMessage": str(error)})
    else:
        post(f"invocation/{request_id}/response", answer)
