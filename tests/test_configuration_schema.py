"""docs/immuta-watch.schema.json, which editors use, against what the program takes."""

import json
import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from binary import FAILED, ROOT, immuta_watch

SCHEMA = json.loads((ROOT / "docs" / "immuta-watch.schema.json").read_text())


class DatesAreTexts(yaml.SafeLoader):
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def loaded(text):
    """Dates stay texts, as the program reads them; a file of comments is an empty configuration."""
    return yaml.load(text, DatesAreTexts) or {}


def problems(text):
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(loaded(text))]


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_the_examples_of_the_documentation_are_valid():
    text = (ROOT / "docs" / "configuration.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        assert problems(example) == []


def test_the_configuration_of_the_simulator_is_valid(tmp_path):
    immuta_watch("simulate", "--out", tmp_path, "--days", 1, "--events-per-day", 100)
    assert problems((tmp_path / "immuta-watch.yml").read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "calender: {}",
        "ledger: {query_txt: keep}",
        "calendars: {a: {zone: UTC, hour: '08:00-18:00'}}\ndefault_calendar: a",
        "lists: {service_accounts: {append: [x]}}",
        "notify: {destinations: {ops: {slak: {url_from: 'ssm:x'}}}}",
        "ledger: {query_text: sometimes}",
        "manual: {approved_within: soon}",
        "notify: {destinations: {ops: {slack: {url_from: 'https://hooks.example'}}}}",
        "notify: {destinations: {ops: {zone: UTC}}}",
    ],
)
def test_what_the_program_refuses_is_invalid_to_an_editor_too(tmp_path, text):
    file = tmp_path / "wrong.yml"
    file.write_text(text)
    immuta_watch("rules", "check", "--config", file, expect=FAILED)
    assert problems(text)
