"""The forms in which a function is told of objects: fixtures/notifications/, and what each of them names."""

import json
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent / "fixtures"
# {name of the fixture: [{"bucket": ..., "key": ..., "version": ... (where it has one)}, ...]}: the objects to be read.
NAMED = json.loads((FIXTURES / "notifications.json").read_text())


def notification(name: str) -> dict:
    """An event as the function is invoked with it."""
    return json.loads((FIXTURES / "notifications" / f"{name}.json").read_text())


def shape(value):
    """The names and nesting of a value, with JSON in texts read as well, and without what it holds."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    if isinstance(value, str) and value.startswith("{"):
        return shape(json.loads(value))
    return type(value).__name__
