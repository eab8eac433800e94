"""How the results of the function webhook are shown: on the terminal and in docs/benchmarks.md."""

# The numbers to build for, in ms and MiB.
DECISION_MS, START_MS, ZIP_MIB = 10, 20, 8

MARKS = ("<!-- webhook: generated -->", "<!-- webhook: end -->")
CLASSES = {"small": "examples of the rules", "large": "bodies near 256 KiB", "all": "all of them"}


def targets(found: dict) -> "list[tuple[str, str, str, bool]]":
    """(what, target, measured, reached) of everything that there is a number to build for."""
    # Bodies near the cap are in the table below it: no notification of Immuta's is as large.
    decision, start, packed = found["decision"]["small"]["p99_ms"], found["start"]["first_request_ms"], found["zip_mib"]
    return [
        (
            f"webhook: decision without network calls, notifications of a few hundred bytes, 99 of 100 ({found['decision']['rules']} rules)",
            f"at most {DECISION_MS} ms",
            f"{decision:.2f} ms",
            decision <= DECISION_MS,
        ),
        (
            "webhook: process start until the first request for work, keys and pack read",
            f"{START_MS} ms",
            f"{start} ms",
            start <= START_MS,
        ),
        ("webhook, zipped", f"{ZIP_MIB} MiB", f"{packed} MiB", packed <= ZIP_MIB),
    ]


def decision_rows(found: dict) -> "list[list[str]]":
    """Of each kind of bodies: p50 and p99 of both, and how they relate."""
    rows = []
    for key, name in CLASSES.items():
        ours, plain = found["decision"][key], found["plain"][key]
        ratio = plain["p50_ms"] / ours["p50_ms"]
        rows.append([
            f"{name}, {ours['count']:,}",
            *(f"{each:.3f}" for each in (ours["p50_ms"], ours["p99_ms"], plain["p50_ms"], plain["p99_ms"])),
            f"{ratio:.2f}",
        ])  # fmt: skip
    return rows


DECISION_HEAD = ["bodies", "ms, half", "ms, 99 of 100", "plain Python: ms, half", "ms, 99 of 100", "plain Python, 1 = webhook"]
FUNCTION_HEAD = ["one notification", "ms, half", "ms, 99 of 100", "until decided: ms, half", "ms, 99 of 100", "calls of AWS"]
KINDS = {"kept": "for the dashboard", "told": "told to Slack, too"}


def function_rows(found: dict) -> "list[list[str]]":
    """Of each kind of notifications: the whole invocation, and until the decision stood in the lake."""
    rows = []
    for key, name in KINDS.items():
        took = found[key]
        whole, decided = took["whole"], took["until_decided"]
        times = (whole["p50_ms"], whole["p99_ms"], decided["p50_ms"], decided["p99_ms"])
        rows.append([f"{name}, {whole['count']:,}", *(f"{each:.1f}" for each in times), f"{took['aws_calls']}"])
    return rows


def lines(found: dict) -> str:
    """For the terminal."""
    out = [f"{what:98}{target:>18}{measured:>14}  {'reached' if is_reached else 'NOT REACHED'}"
           for what, target, measured, is_reached in targets(found)]  # fmt: skip
    for head, rows in ((DECISION_HEAD, decision_rows(found)), (FUNCTION_HEAD, function_rows(found))):
        for row in rows:
            out += [row[0]] + [f"  {name:60}{cell:>40}" for name, cell in zip(head[1:], row[1:])]
    return "\n".join(out)


def table(head: "list[str]", rows: "list[list[str]]") -> "list[str]":
    return [
        f"| {' | '.join(head)} |",
        "| --- " + "| ---: " * (len(head) - 1) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def markdown(results: dict) -> str:
    """The generated part of docs/benchmarks.md that is about the function webhook."""
    found, machine = results["webhook"], results["machine"]
    out = [
        f"Release {results['release']}, {results['date']}. {machine['system']}, {machine['cpu']}, {machine['cores']} cores. "
        f"Python {machine['python']}.",
        "",
        *table(["number to build for", "target", "measured", ""],
               [[what, target, measured, "reached" if is_reached else "**not reached**"]
                for what, target, measured, is_reached in targets(found)]),
        "",
        "In one process, without the network:",
        "",
        *table(DECISION_HEAD, decision_rows(found)),
        "",
        "Behind a Lambda runtime API, against an S3, Secrets Manager and Slack on the same machine, one after the other:",
        "",
        *table(FUNCTION_HEAD, function_rows(found)),
        "",
        f"From the start of the process to its first request for work: {found['start']['first_request_ms']} ms, half of the "
        f"starts within {found['start']['median_ms']} ms; by then it has read its keys and its pack over the network, and "
        f"compiled it. Peak memory: {found['resident_mib']:.0f} MiB.",
    ]  # fmt: skip
    return "\n".join(out)
