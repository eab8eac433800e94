"""Every rule of the pack is Sigma that other tools take as it is."""

import subprocess
import sys

import pytest
from sigma.collection import SigmaCollection

from binary import ROOT

RULES = ROOT / "rules"
FILES = sorted(RULES.rglob("*.yml"))


def test_sigma_check_finds_nothing():
    # attacktag and d3_fendtag fetch the lists of MITRE ATT&CK and D3FEND from the network when they run; a test must
    # not depend on that.
    left_out = ["-x", "attacktag", "-x", "d3_fendtag"]
    sigma = [sys.executable, "-c", "from sigma.cli.main import main; main()"]
    done = subprocess.run(
        [*sigma, "check", "--fail-on-issues", *left_out, RULES], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Found 0 errors, 0 condition errors and 0 issues." in done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_pysigma_loads_the_rule_without_an_error(file):
    collection = SigmaCollection.from_yaml(file.read_text(), collect_errors=True)
    assert collection.errors == []
    assert len(collection.rules) >= 1
    for rule in collection.rules:
        assert rule.errors == []
        assert rule.custom_attributes["watch"]["question"], "pySigma keeps the block of our own"
        for condition in rule.detection.parsed_condition:
            assert condition.parse() is not None


def test_no_two_rules_share_an_id():
    ids = [rule.id for file in FILES for rule in SigmaCollection.from_yaml(file.read_text()).rules]
    assert len(ids) == len(set(ids))
    assert None not in ids


def test_the_first_fifteen_rules_are_there():
    assert len(FILES) >= 15
