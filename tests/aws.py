"""S3, SQS, SNS, EventBridge, Secrets Manager and SSM over HTTP: moto's server, in this process.

One server runs for all tests; each test makes names of its own on it. `Server.on_call` makes it fail at will.
"""

import io
import json
import logging
import secrets
import socket
import threading
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from urllib.parse import unquote

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from werkzeug.serving import make_server

from lambda_runtime import ACCOUNT, REGION

# Marks the calls of the tests themselves, which never fail by `on_call`.
OURS = "end-to-end-tests"
CREDENTIALS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}

# What `Server.on_call` may answer, beside None (go on) and a number (fail with this HTTP status, nothing done).
LOST = "lost"  # do it, then close the connection before any byte of the answer
CUT = "cut"  # close the connection, nothing done
HALF = "half"  # do it, and close the connection in the middle of the answer's body


class Call(NamedTuple):
    """A call of the program under test."""

    method: str
    # As in the request line, decoded: /bucket/key
    path: str
    # What the call does, where the service says so in a header: `AmazonSSM.GetParameter`.
    target: str
    headers: dict
    # As in the request line, encoded.
    query: str = ""


class Server:
    """moto's server, on a port of its own.

    Calls are handled one after another. moto checks the condition of a conditional write and writes in two steps, so
    two writers at once could both win, which in S3 they cannot.
    """

    def __init__(self):
        self.on_call = None
        # The calls of the programs under test since `calls.clear()`.
        self.calls = []
        self._one_by_one = threading.Lock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=MotoRequestHandler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def client(self, service: str):
        config = Config(user_agent_extra=OURS, max_pool_connections=32, retries={"total_max_attempts": 1})
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, config=config, **CREDENTIALS)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ, start_response):
        # The whole body first: a caller that stalls must not hold the others up.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        # Of a request with neither a length nor chunks there is no body, and reading on would wait for ever.
        body = environ["wsgi.input"].read(-1 if environ.get("wsgi.input_terminated") else length)
        if len(body) < length:
            self._hang_up(environ)  # the caller died while it sent; S3 stores nothing of it
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        fault = None if OURS in environ.get("HTTP_USER_AGENT", "") else self._fault(environ)
        if fault == CUT:
            self._hang_up(environ)
        if isinstance(fault, int):
            start_response(f"{fault} Injected", [("Content-Type", "application/xml"), ("Content-Length", "0")])
            return [b""]
        with self._one_by_one:
            answer = self._moto(environ, (lambda *_: None) if fault == LOST else start_response)
        if fault == LOST:
            self._hang_up(environ)
        return self._half(environ, answer) if fault == HALF else answer

    def _half(self, environ, answer):
        body = b"".join(answer)
        yield body[: len(body) // 2]
        self._hang_up(environ)

    def _fault(self, environ):
        headers = {name[5:].replace("_", "-").lower(): text for name, text in environ.items() if name[:5] == "HTTP_"}
        path, _, query = environ["RAW_URI"].partition("?")
        call = Call(environ["REQUEST_METHOD"], unquote(path), headers.get("x-amz-target", ""), headers, query)
        self.calls.append(call)
        return self.on_call(call) if self.on_call else None

    @staticmethod
    def _hang_up(environ):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError


class Queue(NamedTuple):
    url: str
    arn: str
    name: str
    dead_letters: "Queue | None" = None


class Topic(NamedTuple):
    arn: str
    # Subscribed to the topic: what was sent to it, as `Cloud.sent` reads it.
    inbox: Queue


class Sent(NamedTuple):
    """A message that a topic sent to a queue."""

    body: str
    subject: "str | None"
    # {name: value}, strings and lists of strings.
    attributes: dict


class Cloud:
    """Names of one test on the server, and what one does with them."""

    def __init__(self, server: Server):
        self.server = server
        self.mark = secrets.token_hex(4)
        services = ("s3", "sqs", "sns", "events", "secretsmanager", "ssm")
        self.s3, self.sqs, self.sns, self.events, self.secretsmanager, self.ssm = map(server.client, services)

    @property
    def environment(self) -> dict:
        """By which a program finds the server."""
        return {
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def bucket(self, name="lake", versioned=False) -> str:
        bucket = f"{name}-{self.mark}"
        self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return bucket

    def put(self, bucket: str, key: str, content: bytes, **more) -> dict:
        return self.s3.put_object(Bucket=bucket, Key=key, Body=content, **more)

    def keys(self, bucket: str, prefix="") -> list:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def get(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def objects(self, bucket: str, prefix="") -> dict:
        """{key: bytes} of every object below a prefix."""
        return {key: self.get(bucket, key) for key in self.keys(bucket, prefix)}

    def set_age(self, bucket: str, key: str, age: timedelta) -> None:
        """As if an object had been written so long ago."""
        written = datetime.now(timezone.utc).replace(tzinfo=None) - age
        s3_backends[ACCOUNT]["aws"].buckets[bucket].keys[key].last_modified = written

    def queue(self, name="exports", max_receives=None) -> Queue:
        """A queue; with `max_receives`, one whose messages go to its dead-letter queue after so many."""
        dead_letters = self.queue(f"{name}-dead") if max_receives else None
        attributes = {}
        if dead_letters:
            policy = {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": max_receives}
            attributes["RedrivePolicy"] = json.dumps(policy)
        name = f"{name}-{self.mark}"
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Queue(url, arn, name, dead_letters)

    def send(self, queue: Queue, body) -> str:
        """Puts a message in a queue and returns its id; what is no text yet becomes JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self.sqs.send_message(QueueUrl=queue.url, MessageBody=text)["MessageId"]

    def take_all(self, queue: Queue) -> list:
        """Takes every message that can be received out of a queue, as `receive_message` gives them."""
        taken = []
        while received := self.sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages"):
            done = [{"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]} for at, each in enumerate(received)]
            self.sqs.delete_message_batch(QueueUrl=queue.url, Entries=done)
            taken += received
        return taken

    def bodies(self, queue: Queue) -> list:
        """Takes every message out of a queue: the bodies, as text."""
        return [message["Body"] for message in self.take_all(queue)]

    def waiting(self, queue: Queue) -> list:
        """The bodies of the messages in a queue, as text, which stay there. Receiving thousands takes moto a minute."""
        return [message.body for message in sqs_backends[ACCOUNT][REGION].queues[queue.name].messages]

    def topic(self, name="alerts", raw=False, filter_policy=None) -> Topic:
        """A topic with a queue that hears all it sends, or what a filter policy lets through."""
        arn = self.sns.create_topic(Name=f"{name}-{self.mark}")["TopicArn"]
        inbox = self.queue(f"{name}-inbox")
        self.subscribe(arn, inbox, raw, filter_policy)
        return Topic(arn, inbox)

    def subscribe(self, topic_arn: str, queue: Queue, raw=False, filter_policy=None) -> None:
        attributes = {"RawMessageDelivery": "true"} if raw else {}
        if filter_policy is not None:
            attributes["FilterPolicy"] = json.dumps(filter_policy)
        self.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)

    def sent(self, queue: Queue) -> list:
        """Takes what a topic sent out of a queue, wrapped or raw: a list of `Sent`, in the order of sending."""
        return [_sent(message) for message in self.take_all(queue)]

    def published(self, topic: Topic) -> list:
        """What programs gave a topic, a dictionary of texts by protocol each (`MessageStructure=json`)."""
        given = sns_backends[ACCOUNT][REGION].topics[topic.arn].sent_notifications
        return [json.loads(text) for _, text, *_ in given]

    def secret(self, value: str, name="slack") -> str:
        """The name of a secret in Secrets Manager."""
        return self.secretsmanager.create_secret(Name=f"{name}-{self.mark}", SecretString=value)["Name"]

    def parameter(self, value: str, name="slack") -> str:
        """The name of a SecureString in SSM's parameter store."""
        path = f"/immuta-watch/{self.mark}/{name}"
        self.ssm.put_parameter(Name=path, Value=value, Type="SecureString")
        return path

    def notify_queue(self, bucket: str, queue: Queue, events=("s3:ObjectCreated:*",), prefix="") -> None:
        """S3 tells a queue. (S3 sends a first `s3:TestEvent`, as it does in `notify_topic`.)"""
        told = {"QueueArn": queue.arn, "Events": list(events)}
        if prefix:
            told["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
        configured = {"QueueConfigurations": [told]}
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configured)

    def notify_topic(self, bucket: str, queue: Queue, raw=False, events=("s3:ObjectCreated:*",)) -> None:
        """S3 tells a topic, which tells a queue."""
        arn = self.sns.create_topic(Name=f"uploads-{queue.name}")["TopicArn"]
        self.subscribe(arn, queue, raw)
        configured = {"TopicConfigurations": [{"TopicArn": arn, "Events": list(events)}]}
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configured)

    def notify_event_bus(self, bucket: str, queue: Queue, detail_types=("Object Created",)) -> None:
        """S3 tells EventBridge, where a rule tells a queue."""
        rule = f"uploads-{queue.name}"
        detail = {"bucket": {"name": [bucket]}}
        pattern = {"source": ["aws.s3"], "detail-type": list(detail_types), "detail": detail}
        self.events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue.arn}])
        configured = {"EventBridgeConfiguration": {}}
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configured)


def _sent(message: dict) -> Sent:
    try:
        envelope = json.loads(message["Body"])
    except ValueError:
        envelope = None
    if isinstance(envelope, dict) and envelope.get("Type") == "Notification" and "TopicArn" in envelope:
        attributes = {name: (each["Type"], each["Value"]) for name, each in envelope.get("MessageAttributes", {}).items()}
        return Sent(envelope["Message"], envelope.get("Subject"), _values(attributes))
    attributes = message.get("MessageAttributes", {})
    attributes = {name: (each["DataType"], each["StringValue"]) for name, each in attributes.items()}
    return Sent(message["Body"], None, _values(attributes))


def _values(attributes: dict) -> dict:
    return {name: json.loads(text) if kind == "String.Array" else text for name, (kind, text) in attributes.items()}
