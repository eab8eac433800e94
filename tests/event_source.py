"""The event source mapping between a queue and a function, as Lambda has it, with ReportBatchItemFailures."""

import hashlib
import json
import threading
import time
from contextlib import suppress
from typing import NamedTuple

from lambda_runtime import ACCOUNT, REGION, Function, InvocationFailed

# Longer than any queue takes to run dry on a slow machine, in seconds.
PATIENCE = 120
# What SQS gives at most in one call.
LARGEST_RECEIVE = 10


class Batch(NamedTuple):
    """One invocation with messages of the queue."""

    # Ids of the messages, in the order of the event.
    messages: list
    # Ids of those that were not deleted.
    failed: list
    # What the function answered; None where it failed.
    answer: object
    error: "Exception | None"


class Refused(Exception):
    """An answer by which the whole batch has failed."""


def record(message: dict, queue_arn: str) -> dict:
    """A received message as it stands in the event of the function."""
    attributes = {
        name: {
            "dataType": value["DataType"],
            "stringListValues": [],
            "binaryListValues": [],
            **({"stringValue": value["StringValue"]} if "StringValue" in value else {}),
        }
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def sqs_event(*bodies, queue_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:exports") -> dict:
    """An event with messages that never were in a queue; what is no text yet becomes JSON."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [
            record(
                {
                    "MessageId": f"00000000-0000-4000-8000-{number:012}",
                    "ReceiptHandle": f"receipt-{number}",
                    "Body": text,
                    "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1793613600000"},
                    "MD5OfBody": hashlib.md5(text.encode()).hexdigest(),
                },
                queue_arn,
            )
            for number, text in enumerate(texts)
        ]
    }


def failures(answer, ids: list) -> list:
    """The ids of the messages that failed, by the rules in AWS's "Handling errors for an SQS event source".

    An empty or missing list, and an empty answer, mean that all succeeded; an identifier that is empty, null, or under
    another name, that all failed. So does, here, whatever else is not of the documented form.
    """
    if answer is None or answer == {}:
        return []
    if not isinstance(answer, dict) or "batchItemFailures" not in answer:
        raise Refused(f"not an answer to a batch: {answer!r}")
    named = answer["batchItemFailures"] or []
    if not isinstance(named, list):
        raise Refused(f"batchItemFailures is no list: {named!r}")
    for item in named:
        if not isinstance(item, dict) or item.get("itemIdentifier") not in ids:
            raise Refused(f"names no message of the batch: {item!r}")
    failed = [item["itemIdentifier"] for item in named]
    return [each for each in ids if each in failed]


class EventSource:
    """Feeds a function from a queue.

    Messages that failed are in the queue again at once; with `redeliver_at_once=False` only when `redeliver` is called.
    (In AWS they are when the visibility time-out has passed.) The queue's own redrive policy moves a message to its
    dead-letter queue when it is received once more than it allows.
    """

    def __init__(self, sqs, queue, function: Function, batch_size=10, concurrency=1, redeliver_at_once=True):
        self.sqs, self.queue, self.function = sqs, queue, function
        self.batch_size, self.concurrency, self.redeliver_at_once = batch_size, concurrency, redeliver_at_once
        # Every batch there was, in the order in which they were over.
        self.batches = []
        self._held = []
        self._lock = threading.Lock()

    def run_until_quiet(self, limit_s=PATIENCE) -> list:
        """Polls until there is nothing to be had and nothing under way; returns this run's batches."""
        before = len(self.batches)
        end = time.monotonic() + limit_s
        state = _Workers()
        workers = [threading.Thread(target=self._work, args=(state, end), daemon=True) for _ in range(self.concurrency)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if state.raised:
            raise state.raised
        assert not state.late, f"the queue was not quiet after {limit_s} s; last: {self.batches[-1:]}"
        return self.batches[before:]

    def run_once(self) -> "Batch | None":
        """Takes one batch through the function; None if the queue has nothing to give."""
        messages = self._receive()
        return self._invoke(messages) if messages else None

    def redeliver(self) -> int:
        """Puts back what failed and was held; returns how many messages."""
        with self._lock:
            held, self._held = self._held, []
        for message in held:
            self._put_back(message)
        return len(held)

    def _work(self, state: "_Workers", end: float) -> None:
        try:
            while (seen := state.enter()) is not None:
                state.leave(seen, found=self.run_once() is not None)
                if time.monotonic() > end:
                    state.late = True
                    state.stop()
        except Exception as error:  # raised again by whoever runs the workers
            state.raised = error
            state.stop()

    def _receive(self) -> list:
        messages = []
        while len(messages) < self.batch_size:
            received = self.sqs.receive_message(
                QueueUrl=self.queue.url,
                MaxNumberOfMessages=min(LARGEST_RECEIVE, self.batch_size - len(messages)),
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
                # Nothing returns to the queue by itself while a test runs.
                VisibilityTimeout=43_200,
                WaitTimeSeconds=0,
            ).get("Messages", [])
            if not received:
                break
            messages += received
        return messages

    def _invoke(self, messages: list) -> Batch:
        ids = [message["MessageId"] for message in messages]
        answer = error = None
        try:
            answer = self.function.invoke({"Records": [record(message, self.queue.arn) for message in messages]})
            failed = failures(answer, ids)
        except (InvocationFailed, Refused, ValueError) as cause:
            error, failed = cause, ids
        for message in messages:
            if message["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=message["ReceiptHandle"])
            elif self.redeliver_at_once:
                self._put_back(message)
            else:
                with self._lock:
                    self._held.append(message)
        batch = Batch(ids, failed, answer, error)
        with self._lock:
            self.batches.append(batch)
        return batch

    def _put_back(self, message: dict) -> None:
        with suppress(self.sqs.exceptions.ReceiptHandleIsInvalid):
            self.sqs.change_message_visibility(
                QueueUrl=self.queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


class _Workers:
    """Tells workers when to stop: when one found nothing while none of the others was at work."""

    def __init__(self):
        self.late = False
        self.raised = None
        self._changed = threading.Condition()
        self._busy = 0
        # How often work was found; whoever found none looks again once it has changed.
        self._found = 0
        self._stopped = False

    def enter(self) -> "int | None":
        """To be given back to `leave`; None if the worker is to stop."""
        with self._changed:
            if self._stopped:
                return None
            self._busy += 1
            return self._found

    def leave(self, seen: int, found: bool) -> None:
        """Returns when it is worth looking again, or when all is quiet."""
        with self._changed:
            self._busy -= 1
            self._found += found
            # One that looked before another put its messages back knows nothing of these.
            if self._found == seen and self._busy == 0:
                self._stopped = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped or self._found != seen)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
