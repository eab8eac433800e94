"""Packs that are made for the benchmark: the fifteen conditions with `watch:` blocks, and the shipped pack grown."""

import re
import shutil
from pathlib import Path

# Every condition answers another question, so that the rollup by question counts the matches of each rule. What the
# questions are called does not matter here.
QUESTIONS = [
    *("entitlements", "approvals", "grants", "tagging", "tag-definitions", "attributes", "users", "permissions"),
    *("policies", "policy-impact", "classification", "access", "data-sources", "configuration", "sensitive-queries"),
]

# What a rule of immuta-watch has beside plain Sigma. The examples say nothing: they are there because they must be.
WATCH = """
watch:
  question: {question}
  route: dashboard
  alert_key: [watch.actor]
  window: 1d
  runbook: [Nothing is to be done; this rule belongs to a benchmark.]
  examples:
    positive: [{{name: None, event: {{}}}}]
    negative: [{{name: None, event: {{}}}}]
"""

# What makes a file no rule on single events, or more than that.
NO_PLAIN_RULE = ("\ncorrelation:", "\nfilter:", "\n---")
# Words that are no constants to vary.
NO_CONSTANT = {"true", "false", "null", "SUCCESS", "FAILURE", "UNAUTHORIZED"}
# The kind that most events are of.
QUERY = "Query"


def fifteen(plain: Path, folder: Path) -> "dict[str, str]":
    """Writes the fifteen conditions as a pack of immuta-watch; {question: rule}."""
    rules = sorted(plain.glob("*.yml"))
    if len(rules) != len(QUESTIONS):
        raise SystemExit(f"error: {len(rules)} rules in {plain}, and packs.py names {len(QUESTIONS)} questions")
    emptied(folder)
    for rule, question in zip(rules, QUESTIONS):
        (folder / rule.name).write_text(rule.read_text() + WATCH.format(question=question).lstrip("\n"))
    return {question: rule.stem for rule, question in zip(rules, QUESTIONS)}


def grown(shipped: Path, folder: Path, size: int, keep_query: bool) -> None:
    """Writes a pack of `size` rules: the shipped ones, then variants of them that ask for other constants.

    With `keep_query`, variants of rules on queries are on queries too. They match none, but the kind of an event, which
    most have in common, does not rule them out: the hard case.
    """
    emptied(folder)
    if (shipped / "lists").is_dir():
        shutil.copytree(shipped / "lists", folder / "lists")
    files = [(path.stem, path.read_text()) for path in sorted(shipped.rglob("*.yml"))]
    rules = [(name, text) for name, text in files if not any(part in text for part in NO_PLAIN_RULE)][:size]
    written, number = 0, 0
    while written < size:
        before = written
        for name, text in rules:
            text = text if number == 0 else variant(text, number, keep_query)
            if text is not None and written < size:
                (folder / f"{name}_{number}.yml").write_text(text)
                written += 1
        if written == before:
            raise SystemExit("error: no rule of the shipped pack can be varied")
        number += 1


def variant(rule: str, number: int, keep_query: bool) -> "str | None":
    """The rule under another id, with `number` behind every constant that it asks for; None if it asks for none.

    Selections that the condition takes away, whose names begin with `filter`, stay as they are, and so do values of fields that
    have no others. shared/benches/parts.rs does the same, and keeps queries.
    """
    lines, in_detection, in_filter, changed = [], False, False, False
    for line in rule.splitlines():
        if line and line[0] not in " #":
            in_detection = line == "detection:"
        elif re.match(r"  \S", line):
            in_filter = line.startswith(("  filter", "  condition"))
        if line.startswith("id: "):
            line = f"id: {number:08x}{line[12:]}"
        elif in_detection and not in_filter and is_constant(line.strip()):
            if not (keep_query and line.endswith(f" {QUERY}")):
                line, changed = f"{line}{number}", True
        lines.append(line)
    return "\n".join(lines) + "\n" if changed else None


def is_constant(line: str) -> bool:
    """Whether a line of a detection ends in a plain word that events are compared with."""
    value = line.removeprefix("- ").split(": ", 1)[-1]
    is_word = re.fullmatch(r"[A-Za-z][\w-]*", value) is not None
    return is_word and value not in NO_CONSTANT and not line.startswith("condition:")


def emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
