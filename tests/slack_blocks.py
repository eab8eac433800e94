"""Whether a message is one that Slack would take: by slack_sdk's models, and by the limits in Slack's documentation."""

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

# Block Kit's reference, https://docs.slack.dev/reference/block-kit: lengths in characters.
LARGEST_MESSAGE = 50  # blocks
LARGEST_TEXT = 40_000  # of a message; Slack cuts off what is beyond
LARGEST_HEADER = 150
LARGEST_SECTION = 3000
LARGEST_FIELDS = 10
LARGEST_FIELD = 2000
LARGEST_CONTEXT = 10  # elements
LARGEST_CONTEXT_TEXT = 3000
LARGEST_ACTIONS = 25  # elements
LARGEST_BUTTON_TEXT = 75
LARGEST_URL = 3000
LARGEST_ATTACHMENTS = 20
TEXT_TYPES = ("plain_text", "mrkdwn")


def valid_blocks(body: dict) -> list:
    """Checks a message and returns its blocks, those in attachments (which have a colour) included.

    Raises AssertionError, which says what is wrong and where.
    """
    text = body.get("text")
    _check("text", isinstance(text, str) and text.strip() != "", "a notification needs `text` to show")
    _check("text", len(text) <= LARGEST_TEXT, f"{len(text)} characters")
    attachments = body.get("attachments", [])
    _check("attachments", len(attachments) <= LARGEST_ATTACHMENTS, f"{len(attachments)} attachments")
    lists = {"blocks": body.get("blocks", [])}
    for number, attachment in enumerate(attachments):
        lists[f"attachments[{number}].blocks"] = attachment.get("blocks", [])
    blocks = []
    for place, those in lists.items():
        for number, block in enumerate(those):
            _block(f"{place}[{number}]", block)
        blocks += those
    _check("blocks", blocks, "there are none")
    _check("blocks", len(blocks) <= LARGEST_MESSAGE, f"{len(blocks)} blocks")
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    _check("block_id", len(ids) == len(set(ids)), "used twice")
    return blocks


def block_text(body: dict) -> str:
    """All text that a message shows, in its order, by line."""
    return "\n".join(_texts({key: body.get(key) for key in ("blocks", "attachments")}))


def _texts(value) -> list:
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if not isinstance(value, dict):
        return []
    if value.get("type") in TEXT_TYPES:
        return [value["text"]]
    return [text for each in value.values() for text in _texts(each)]


def _block(place: str, block: dict) -> None:
    try:
        parsed = Block.parse(block)
        _check(place, parsed is not None, f"no block that Slack knows: {block}")
        parsed.validate_json()
        known = parsed.to_dict()
    except (SlackObjectFormationError, TypeError, ValueError, AttributeError) as error:
        raise AssertionError(f"{place}: {error}: {block}") from error
    _same(place, block, known)
    kind = block["type"]
    if kind == "header":
        _text(f"{place}.text", block["text"], LARGEST_HEADER, ("plain_text",))
    elif kind == "section":
        if "text" in block:
            _text(f"{place}.text", block["text"], LARGEST_SECTION)
        fields = block.get("fields", [])
        _check(f"{place}.fields", len(fields) <= LARGEST_FIELDS, f"{len(fields)} fields")
        for number, field in enumerate(fields):
            _text(f"{place}.fields[{number}]", field, LARGEST_FIELD)
        if "accessory" in block:
            _element(f"{place}.accessory", block["accessory"])
    elif kind == "context":
        _elements(place, block, LARGEST_CONTEXT)
    elif kind == "actions":
        _elements(place, block, LARGEST_ACTIONS)


def _elements(place: str, block: dict, most: int) -> None:
    elements = block["elements"]
    _check(f"{place}.elements", 1 <= len(elements) <= most, f"{len(elements)} elements, of 1 to {most}")
    for number, element in enumerate(elements):
        _element(f"{place}.elements[{number}]", element)


def _element(place: str, element: dict) -> None:
    if element["type"] in TEXT_TYPES:
        _text(place, element, LARGEST_CONTEXT_TEXT)
    if element["type"] == "button":
        _text(f"{place}.text", element["text"], LARGEST_BUTTON_TEXT, ("plain_text",))
        url = element.get("url", "https://")
        _check(f"{place}.url", len(url) <= LARGEST_URL, f"{len(url)} characters")
        _check(f"{place}.url", url.startswith(("https://", "http://")), f"no address: {url}")


def _text(place: str, text: dict, most: int, types=TEXT_TYPES) -> None:
    _check(place, text.get("type") in types, f"of type {text.get('type')}, not {' or '.join(types)}")
    length = len(text.get("text", ""))
    _check(place, 1 <= length <= most, f"{length} characters, of 1 to {most}")


def _same(place: str, given, known) -> None:
    """What slack_sdk's models pass over in silence, Slack refuses."""
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            _check(f"{place}.{key}", key in known, f"empty, or nothing that Slack knows: {value!r}")
            _same(f"{place}.{key}", value, known[key])
    elif isinstance(given, list) and isinstance(known, list):
        _check(place, len(given) == len(known), f"{len(given)} items, of which Slack knows {len(known)}")
        for number, (one, other) in enumerate(zip(given, known)):
            _same(f"{place}[{number}]", one, other)
    else:
        _check(place, given == known, f"{given!r} is read as {known!r}")


def _check(place: str, holds, message: str) -> None:
    if not holds:
        raise AssertionError(f"{place}: {message}")
