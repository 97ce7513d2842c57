"""What a soak found: Markdown, a chart, and every sample as JSON."""
import json
import pathlib

import paths  # noqa: F401
import chart
from figures import number

MIB = 1 << 20
SHOWN = ("anonymous", "file-backed", "RSS")


def _value(measure, value):
    return f"{value / MIB:.1f} MiB" if measure not in ("descriptors", "threads") else number(value)


def memory_table(series, verdicts):
    out = ["| Measure | At the start | Least | Most | At the end | Growth in an hour | Allowed | Verdict |",
           "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for measure, points in series.items():
        values = [value for _, value in points]
        if not values:
            continue
        cells = [_value(measure, value) for value in (values[0], min(values), max(values), values[-1])]
        verdict = verdicts.get(measure)
        if verdict is None:
            cells += ["-", "-", "not judged"]
        elif isinstance(verdict, str):
            cells += ["-", "-", f"not judged: {verdict}"]
        else:
            cells += [_value(measure, verdict.per_hour), _value(measure, verdict.bound), "flat" if verdict.flat else "**grows**"]
        out.append("| " + " | ".join([measure, *cells]) + " |")
    return out


def work_table(tally):
    out = ["| What | Done | Wrong |", "| --- | --- | --- |"]
    for name in sorted(set(tally.done) | set(tally.wrong)):
        out.append(f"| {name} | {tally.done.get(name, 0):,} | {tally.wrong.get(name, 0):,} |")
    return out


def plain(series, verdicts, tally, cpu):
    """For the terminal."""
    lines = [line.strip("| ").replace(" | ", "  ") for line in memory_table(series, verdicts) + work_table(tally) if "---" not in line]
    return "\n".join(lines + tally.texts + ([f"the responder used {cpu:.1%} of a core"] if cpu is not None else []))


def write(out, *, date, repeat, minutes, cpu, series, verdicts, tally, facts, streams, share):
    """Writes soak.md, soak.json and soak/memory.svg below `out`; the path of the first."""
    out = pathlib.Path(out)
    (out / "soak").mkdir(parents=True, exist_ok=True)
    shown = {measure: [(t / 60, v / MIB) for t, v in series[measure]] for measure in SHOWN if series[measure]}
    (out / "soak/memory.svg").write_text(chart.lines("Memory of the responder", "MiB over minutes", shown))
    rates = "; ".join(f"{name} {rate * share:g}/s" for name, (_, rate) in streams.items())
    lines = ["# The responder, soaked", "", f"Made by `{repeat}` on {date}: {minutes:g} minutes of everything at once ([how to read it](README.md)).",
             "", f"**{tally.failures} wrong.** The responder used {f'{cpu:.1%} of a core' if cpu is not None else 'an unknown share'}.", "",
             *memory_table(series, verdicts), "", "![Memory over time](soak/memory.svg)", "", "## What was done", "", *work_table(tally), "",
             f"At a constant rate: {rates}. All others at intervals; what changes is asked about and judged each time."]
    lines += ["", "```text", *tally.texts, "```"] if tally.texts else []
    lines += ["", "## The machine", "", "| | |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in facts.items())]
    path = out / "soak.md"
    path.write_text("\n".join(lines) + "\n")
    (out / "soak.json").write_text(json.dumps({"date": date, "minutes": minutes, "series": series, "done": tally.done, "wrong": tally.wrong}) + "\n")
    return path
