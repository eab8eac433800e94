"""Every rule and correlation of the pack is Sigma that other tools take as it is, but for the absences and what is compared with the weeks before, which are ours."""

import subprocess
import sys
from collections import Counter

import pytest
import yaml
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError

from binary import ROOT

RULES = ROOT / "rules"
FILES = sorted(RULES.rglob("*.yml"))
# Types that Sigma has not. These files end in .yaml, which `sigma check` passes over.
OUR_OWN = {
    "data_source_never_classified": "absence",
    "dormant_user_returned": "return",
    "granted_without_request": "absence",
    "policy_deleted_not_replaced": "absence",
    "sensitive_object_first_read": "first_value",
    "sensitive_tag_not_restored": "absence",
    "sensitive_volume_unusual": "unusual_count",
    "service_account_new_object": "first_value",
    "service_account_unusual_hour": "unusual_hour",
}


@pytest.fixture(scope="module")
def collection() -> SigmaCollection:
    """All of the pack at once: correlations name rules in other files."""
    return SigmaCollection.load_ruleset([RULES], collect_errors=True, resolve_references=False)


def documents(ending: str) -> "dict[str, dict]":
    """Each document by the name of its file."""
    return {file.stem: yaml.safe_load(file.read_text()) for file in sorted(RULES.rglob(f"*.{ending}"))}


def many(one_or_many: "str | list[str]") -> "list[str]":
    return [one_or_many] if isinstance(one_or_many, str) else one_or_many


def counted(document: dict) -> "set[str]":
    """The rules that a correlation names."""
    return {*many(document["correlation"]["rules"]), *many(document["watch"].get("unless", []))}


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


def test_pysigma_loads_every_file(collection):
    assert collection.errors == []
    loaded = Counter(rule.source.path.resolve() for rule in collection.rules)
    assert loaded == Counter(file.resolve() for file in FILES), "one rule or correlation a file"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_pysigma_takes_the_document_without_an_error(file, collection):
    [rule] = [rule for rule in collection.rules if rule.source.path.resolve() == file.resolve()]
    assert rule.errors == []
    watch = rule.custom_attributes["watch"]
    assert watch.get("question") or set(watch) == {"examples"}, "pySigma keeps the block of our own"
    if isinstance(rule, SigmaCorrelationRule):
        assert rule.rules
        return
    for condition in rule.detection.parsed_condition:
        assert condition.parse() is not None


def test_correlations_find_the_rules_that_they_name(collection):
    # Raises for a name that no rule has, in `rules` and in `aliases`.
    collection.resolve_rule_references()
    correlations = [rule for rule in collection.rules if isinstance(rule, SigmaCorrelationRule)]
    assert correlations
    for correlation in correlations:
        assert all(not isinstance(named.rule, SigmaCorrelationRule) for named in correlation.rules), correlation.name
    # What pySigma does not look at: what breaks a chain, and types of our own.
    rules = {name for name, document in documents("yml").items() if "detection" in document}
    for name, document in {**documents("yml"), **documents("yaml")}.items():
        if "correlation" in document:
            assert counted(document) <= rules, name


def test_a_rule_that_alerts_nobody_is_counted():
    everything = {**documents("yml"), **documents("yaml")}
    named = set().union(*(counted(document) for document in everything.values() if "correlation" in document))
    silent = {name for name, document in everything.items() if "question" not in document["watch"]}
    assert silent
    for name in silent:
        assert "level" not in everything[name], name
        assert set(everything[name]["watch"]) == {"examples"}, name
    assert silent <= named


def test_what_pysigma_does_not_see_is_of_a_type_of_our_own():
    seen = {*FILES, *RULES.glob("lists/*.txt"), RULES / "README.md"}
    unseen = {file for file in RULES.rglob("*") if file.is_file()} - seen
    assert {file.name for file in unseen} == {f"{name}.yaml" for name in OUR_OWN}
    for file in unseen:
        kind = OUR_OWN[file.stem]
        assert yaml.safe_load(file.read_text())["correlation"]["type"] == kind
        # Once pySigma knows the type, the file can end in .yml like any other.
        with pytest.raises(SigmaError):
            SigmaCollection.from_yaml(file.read_text(), resolve_references=False)


def test_no_two_rules_share_an_id_or_a_name():
    files = [*FILES, *RULES.rglob("*.yaml")]
    ids = [yaml.safe_load(file.read_text()).get("id") for file in files]
    assert None not in ids
    assert len(ids) == len(set(ids))
    names = [file.stem for file in files]
    assert len(names) == len(set(names))


def test_the_first_fifteen_rules_are_there():
    assert len(FILES) >= 15
