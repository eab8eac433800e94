"""The harness itself: a Slack that fails, and the check of what Slack would take."""

import hashlib
import hmac
import http.client
import threading
import urllib.error
import urllib.request

import pytest

import slack as slacks
from slack_blocks import block_text, valid_blocks


def post(url, body=b'{"text":"hello"}', headers=None, timeout=60):
    """(status, body) of the answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_slack_answers_by_its_script_and_keeps_what_it_took(slack):
    slack.script(slacks.rate_limited(7), slacks.SERVER_ERROR, slacks.INVALID_BLOCKS, slacks.NO_SERVICE, slacks.LOST)
    statuses = [post(slack.url)[0] for _ in range(4)]
    assert statuses == [429, 500, 400, 404] and slack.messages == []
    with pytest.raises((http.client.HTTPException, OSError)):
        post(slack.url, b'{"text":"lost"}')
    assert post(slack.url) == (200, b"ok")
    assert slack.messages == [{"text": "lost"}, {"text": "hello"}]
    assert len(slack.requests) == 6 and slack.requests[0].answer.headers == {"Retry-After": "7"}


def test_slack_can_be_silent_slow_and_gone(slack):
    with pytest.raises(TimeoutError):
        slack.script(slacks.NEVER)
        post(slack.url, timeout=0.2)
    slack.script(slacks.slow(0.01))
    assert post(slack.url) == (200, b"ok")
    slack.script(slacks.NEVER)
    silent = threading.Thread(target=lambda: pytest.raises(OSError, post, slack.url))
    silent.start()
    slack.wait_for(3)
    slack.stop()
    silent.join(60)
    assert not silent.is_alive()
    with pytest.raises(urllib.error.URLError, match="refused"):
        post(slack.url)
    slack.start()
    assert post(slack.url)[0] == 200


def test_a_signature_of_another_secret_or_body_does_not_hold(slack):
    signed = hmac.new(b"secret", b'1793613600.{"a":1}', hashlib.sha256).hexdigest()
    headers = {"X-Immuta-Watch-Timestamp": "1793613600", "X-Immuta-Watch-Signature-256": f"sha256={signed}"}
    post(slack.address("/hook"), b'{"a":1}', headers)
    (request,) = slack.requests
    assert request.path == "/hook" and request.body == {"a": 1}
    assert slacks.signature_holds(request, "secret")
    assert not slacks.signature_holds(request, "other")
    assert not slacks.signature_holds(request._replace(raw=b'{"a":2}'), "secret")
    assert not slacks.signature_holds(request._replace(headers={}), "secret")


def plain(text, **more):
    return {"type": "plain_text", "text": text, **more}


def section(text="*Ada* did it", **more):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def message(*blocks, **more):
    return {"text": "Ada did it", "attachments": [{"color": "#a30200", "blocks": list(blocks)}], **more}


def test_a_message_that_slack_would_take_is_valid():
    body = message(
        {"type": "header", "text": plain("High: Ada did it", emoji=False)},
        section(fields=[{"type": "mrkdwn", "text": "*When*\n10:05"}]),
        {"type": "divider"},
        {"type": "context", "elements": [plain("the rule"), {"type": "mrkdwn", "text": "`explain 1`"}]},
        {"type": "actions", "elements": [{"type": "button", "text": plain("Runbook"), "url": "https://example.com/"}]},
    )
    assert len(valid_blocks(body)) == 5
    assert block_text(body).splitlines()[:2] == ["High: Ada did it", "*Ada* did it"]


@pytest.mark.parametrize(
    "body, why",
    [
        (message(section(), text=""), "notification needs"),
        (message(), "there are none"),
        (message(*[section()] * 51), "51 blocks"),
        (message(section("x" * 3001)), "3000"),
        (message(section("")), "empty|characters"),
        (message(section(fields=[plain("x")] * 11)), "10"),
        (message(section(fields=[plain("x" * 2001)])), "2001"),
        (message({"type": "header", "text": plain("x" * 151)}), "15"),
        (message({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}), "plain_text|read as"),
        (message({"type": "context", "elements": [plain("x")] * 11}), "10|11"),
        (message({"type": "unheard-of"}), "Slack knows"),
        (message(section(colour="red")), "Slack knows"),
        (message(section(accessory={"type": "button", "text": plain("x"), "url": "https://" + "x" * 3000})), "3000|3008"),
        (message(section(accessory={"type": "button", "text": plain("x" * 76), "url": "https://x"})), "75|76"),
    ],
)
def test_a_message_that_slack_would_refuse_is_not(body, why):
    with pytest.raises(AssertionError, match=why):
        valid_blocks(body)
