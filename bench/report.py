"""How results are shown: on the terminal and in docs/benchmarks.md."""

from pathlib import Path

import cost
import report_webhook

FLOORS = {
    "plain": "floor: decompress, split into lines",
    "envelope": "floor: the same and parse the envelope",
    "record": "floor: the same and parse every value",
}
WHOLE = "immuta-watch run, shipped pack"
FIFTEEN = "immuta-watch run, the 15 conditions"
GZIP = "gzip -dc alone"
RSIGMA = "gzip -dc | rsigma, the 15 conditions"
PYTHON = "plain Python, the 15 conditions"
DUCKDB = "DuckDB, the rollup alone"

HEAD = f"{'':40}{'CPU s':>9}{'clock s':>9}{'events/s':>11}{'MB/s':>8}{'peak MiB':>10}"

# The numbers to build for.
EVENTS_PER_SECOND, SHARE_OF_FLOOR, GROWTH, START_MS, MEMORY_MIB = 100_000, 0.5, 1.5, 20, 128
ZIP_MIB = 8

MARKS = ("<!-- results: generated -->", "<!-- results: end -->")
FUNCTION_MARKS = ("<!-- function: generated -->", "<!-- function: end -->")


def line(row: dict) -> str:
    return (
        f"{row['name']:40}{row['cpu_seconds']:9.2f}{row['wall_seconds']:9.2f}{row['events_per_second']:11,}"
        f"{row['mb_per_second']:8.0f}{row['resident_mib']:10.0f}"
    )


def size_of(export) -> str:
    facts = export if isinstance(export, dict) else export.facts()
    plain, packed = facts["plain_bytes"], facts["gzip_bytes"]
    return (
        f"{facts['events']:,} events, {plain / 1e6:,.0f} MB plain, {packed / 1e6:,.0f} MB gzip, "
        f"{plain / facts['events'] / 1e3:.1f} kB an event"
    )


def pack_name(pack: dict) -> str:
    return f"{pack['rules']:,} rules{'' if pack['on_queries'] else ', no new one on queries'}"


def targets(results: dict) -> "list[tuple[str, str, str, bool]]":
    """(what, target, measured, reached) of everything that there is a number to build for."""
    size = results["sizes"][-1]
    rows = {row["name"]: row for row in size["rows"]}
    whole, floor = rows[WHOLE], rows[FLOORS["envelope"]]
    share = whole["events_per_second"] / floor["events_per_second"]
    found = [
        (
            f"events per second, the whole of classify ({size['events']:,} events)",
            f"at least {EVENTS_PER_SECOND:,}",
            f"{whole['events_per_second']:,}",
            whole["events_per_second"] >= EVENTS_PER_SECOND,
        ),
        (
            "share of what decompressing and parsing the envelope alone can do",
            f"about {SHARE_OF_FLOOR}",
            f"{share:.2f}",
            share >= SHARE_OF_FLOOR,
        ),
        *growth(results["packs"]),
        (
            "process start until the pack is compiled",
            f"{START_MS} ms",
            f"{results['start_ms']} ms",
            results["start_ms"] <= START_MS,
        ),
    ]
    found.append(
        (
            f"peak memory, {size['plain_bytes'] / 2**30:.2f} GiB over 10 days: flat in the size of the export",
            f"{MEMORY_MIB} MiB",
            f"{whole['resident_mib']:.0f} MiB",
            whole["resident_mib"] <= MEMORY_MIB,
        )
    )
    if "memory" in results:
        memory = results["memory"]
        found.append(
            (
                f"peak memory, {memory['plain_bytes'] / 2**30:.2f} GiB over 90 days, 1,000 users, 10,000 data sources",
                f"{MEMORY_MIB} MiB",
                f"{memory['resident_mib']:.0f} MiB",
                memory["resident_mib"] <= MEMORY_MIB,
            )
        )
    return found


def of_function(results: dict) -> "list[tuple[str, str, str, bool]]":
    """The same for the function classify."""
    if "function" not in results:
        return []
    found = results["function"]
    memory, start, packed = found["large"]["resident_mib"], found["start"]["first_request_ms"], found["zip_mib"]
    size = found["large_facts"]["plain_bytes"] / 2**30
    return [
        (
            f"classify: peak memory, one export of {size:.2f} GiB over 90 days, from S3 to a lake in S3",
            f"{MEMORY_MIB} MiB",
            f"{memory:.0f} MiB",
            memory <= MEMORY_MIB,
        ),
        ("classify: process start until the first request for work", f"{START_MS} ms", f"{start} ms", start <= START_MS),
        ("classify, zipped", f"{ZIP_MIB} MiB", f"{packed} MiB", packed <= ZIP_MIB),
    ]


def function_rows(found: dict) -> "list[list[str]]":
    """What the function took, and what a million events cost at that."""
    rows = []
    for name in ("large", "small"):
        took = found[name]
        dollars = cost.per_million_events(took)
        what = "1 export" if took["exports"] == 1 else f"{took['exports']:,} exports at once"
        rows.append([
            f"{what}, {took['events']:,} events",
            f"{took['cpu_seconds']:.2f}",
            f"{took['wall_seconds']:.2f}",
            f"{took['median_ms']:,}",
            f"{took['s3']['reads'] / took['exports']:.0f} + {took['s3']['writes_and_lists'] / took['exports']:.0f}",
            f"{took['resident_mib']:.0f}",
            " + ".join(f"{each:.2f}" for each in dollars.values()) + f" = ${sum(dollars.values()):.2f}",
        ])
    return rows


FUNCTION_HEAD = [
    "the function classify",
    "CPU s",
    "clock s",
    "ms an export",
    "S3 calls an export: read + write or list",
    "peak MiB",
    "a million events: Lambda + S3 + SQS",
]


def function_markdown(results: dict) -> str:
    """The generated part of docs/benchmarks.md that is about the function."""
    found, machine = results["function"], results["machine"]
    out = [
        f"Release {results['release']}, {results['date']}. {machine['system']}, {machine['cpu']}, {machine['cores']} cores. "
        "Behind a Lambda runtime API, against an S3, SQS, SNS and Slack on the same machine:",
        "",
        "| number to build for | target | measured | |",
        "| --- | ---: | ---: | --- |",
    ]
    for what, target, measured, reached in of_function(results):
        out.append(f"| {what} | {target} | {measured} | {'reached' if reached else '**not reached**'} |")
    out += ["", f"| {' | '.join(FUNCTION_HEAD)} |", "| --- " + "| ---: " * (len(FUNCTION_HEAD) - 1) + "|"]
    out += [f"| {' | '.join(row)} |" for row in function_rows(found)]
    start = found["start"]
    out += [
        "",
        f"From the start of the process to its first request for work: {start['first_request_ms']} ms, half of the starts within "
        f"{start['median_ms']} ms. The first invocation takes {found['first_invocation_ms']:.0f} ms more than the next: it reads the "
        "pack and compiles it, and makes the connections. "
        f"`immuta-watch run` takes {found['local_cpu_seconds']:.2f} s of CPU for the one large export from a disk: against that, S3 and "
        f"Lambda's runtime cost {found['large']['cpu_seconds'] / found['local_cpu_seconds']:.2f} times as much.",
    ]
    return "\n".join(out)


def function_lines(found: dict) -> str:
    """For the terminal."""
    lines = []
    for row in function_rows(found):
        lines += [row[0]] + [f"  {head:60}{cell:>40}" for head, cell in zip(FUNCTION_HEAD[1:], row[1:])]
    for what, target, measured, reached in of_function({"function": found}):
        lines.append(f"{what:98}{target:>18}{measured:>14}  {'reached' if reached else 'NOT REACHED'}")
    lines.append(f"CPU time, `immuta-watch run` from a disk = 1: {found['large']['cpu_seconds'] / found['local_cpu_seconds']:.2f}")
    lines.append(f"first invocation: {found['first_invocation_ms']:.0f} ms more than the next")
    return "\n".join(lines)


def growth(packs: "list[dict]") -> "list[tuple[str, str, str, bool]]":
    """The largest packs against the smallest."""
    small, found = packs[0], []
    for pack in packs:
        if pack["rules"] == packs[-1]["rules"]:
            times = pack["cpu_seconds"] / small["cpu_seconds"]
            what = f"{pack['name']}, against {small['rules']}"
            found.append((what, f"at most {GROWTH} times", f"{times:.2f} times", times <= GROWTH))
    return found


def ratios(size: dict) -> "list[tuple[str, str]]":
    """(contestant, its CPU time as a multiple of that of immuta-watch with the same conditions)."""
    rows = {row["name"]: row for row in size["rows"]}
    mine = rows[FIFTEEN]["cpu_seconds"]
    return [(name, f"{rows[name]['cpu_seconds'] / mine:.2f}") for name in (RSIGMA, PYTHON, DUCKDB) if name in rows]


def summary(results: dict) -> str:
    lines = [f"{'NUMBERS TO BUILD FOR':98}{'TARGET':>18}{'MEASURED':>14}"]
    for what, target, measured, reached in targets(results):
        lines.append(f"{what:98}{target:>18}{measured:>14}  {'reached' if reached else 'NOT REACHED'}")
    for size in results["sizes"]:
        lines.append(f"\nCPU TIME, {FIFTEEN} = 1 ({size['events']:,} events)")
        lines += [f"{name:98}{ratio:>32}" for name, ratio in ratios(size)]
    return "\n".join(lines)


def markdown(results: dict) -> str:
    """The generated part of docs/benchmarks.md."""
    machine = results["machine"]
    out = [
        f"Release {results['release']}, {results['date']}. {machine['system']}, {machine['cpu']}, "
        f"one of {machine['cores']} cores. Python {machine['python']}.",
        "",
        "| number to build for | target | measured | |",
        "| --- | ---: | ---: | --- |",
    ]
    for what, target, measured, reached in targets(results):
        out.append(f"| {what} | {target} | {measured} | {'reached' if reached else '**not reached**'} |")
    for size in results["sizes"]:
        times = "once" if size["best_of"] == 1 else f"best of {size['best_of']}"
        out += ["", f"{size_of(size)}; {times}:", ""]
        out += ["| | CPU s | clock s | events/s | MB/s | peak MiB | CPU time, 1 = the 15 conditions |"]
        out += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
        ratio = {**dict(ratios(size)), FIFTEEN: "1"}
        for row in size["rows"]:
            name = row["name"].replace("|", "\\|")
            out.append(
                f"| {name} | {row['cpu_seconds']:.2f} | {row['wall_seconds']:.2f} "
                f"| {row['events_per_second']:,} | {row['mb_per_second']:.0f} | {row['resident_mib']:.0f} "
                f"| {ratio.get(row['name'], '')} |"
            )
    out += ["", "Packs that grow, with the first of these exports:", ""]
    out += ["| | CPU s | of it to start and load, ms | events/s |", "| --- | ---: | ---: | ---: |"]
    for pack in results["packs"]:
        out.append(
            f"| {pack['name']} | {pack['cpu_seconds']:.2f} | {pack['load_ms']:.0f} | {pack['events_per_second']:,} |"
        )
    if results["left_out"]:
        out += ["", "Left out: " + "; ".join(results["left_out"]) + "."]
    return "\n".join(out)


def write_docs(results: dict, page: Path) -> None:
    """Replaces what stands between the marks, as far as there are results."""
    if "sizes" in results:
        replace(page, MARKS, markdown(results))
    if "function" in results:
        replace(page, FUNCTION_MARKS, function_markdown(results))
    if "webhook" in results:
        replace(page, report_webhook.MARKS, report_webhook.markdown(results))


def replace(page: Path, marks: "tuple[str, str]", text: str) -> None:
    before, rest = page.read_text().split(marks[0])
    _, after = rest.split(marks[1])
    page.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}")
