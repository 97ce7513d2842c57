"""The report: Markdown for people, JSON with every sample, charts beside it."""
import datetime
import json
import pathlib
import re
import shlex
import sys

import chart
import kit_path  # noqa: F401
from figures import MISSED, UNKNOWN, Goal, Row, number
from kit import process

REPORTS = pathlib.Path(__file__).resolve().parents[2] / "docs/reports"
NOTES = pathlib.Path(__file__).with_name("notes.md")
FILES = {"requests/s": "requests", "CPU us": "cpu", "p99 us": "p99"}  # measure -> word in the name of its chart
HOLDS = "Requests a second say how fast this machine was just then; CPU time per request and ratios within one run hold on another day, too."


def _cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def _table(head, lines):
    out = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return out + ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines]


def goals_table(rows):
    lines = []
    for row in rows:
        for place, goal in enumerate(row.goals):
            verdict = f"**{goal.verdict}**" if goal.verdict == MISSED else goal.verdict
            lines.append((row.title if place == 0 else "", goal.what, goal.bound_text(), goal.value_text(), goal.share_text(), verdict))
    return _table(("Row", "What", "Goal", "Measured", "Measured / goal", "Verdict"), lines)


def counts(rows):
    verdicts = [goal.verdict for row in rows for goal in row.goals]
    return {kind: verdicts.count(kind) for kind in dict.fromkeys(verdicts)}


def figure_text(figure):
    if len(figure.samples) == 1:
        return number(figure.median)
    return f"{number(figure.median)} ({number(figure.least)} .. {number(figure.most)})"


def read_notes(path):
    """What is known of rows that miss a goal: the text below each `## key`."""
    if not path.exists():
        return {}
    parts = re.split(r"^## (\S+)\n", path.read_text(), flags=re.M)[1:]
    return {key: text.strip() for key, text in zip(parts[::2], parts[1::2])}


def row_section(row, charts, why=None):
    out = ["", f"## {row.title}", ""]
    if row.command:
        out += [f"`{row.command}`", ""]
    measures = list(dict.fromkeys(measure for sample in row.figures.values() for measure in sample if measure not in ("answered", "octets")))
    if measures:
        lines = [[name, *(figure_text(sample[m]) if m in sample else "-" for m in measures)] for name, sample in row.figures.items()]
        out += _table(("", *measures), lines)
    out += [""] + [f"![{row.title}: {name}]({file})" for name, file in charts] if charts else []
    out += [line for note in dict.fromkeys(row.notes) for line in ("", note)]
    if why and any(goal.verdict == MISSED for goal in row.goals):
        out += ["", "**What is in the way, and what was tried.** " + why]
    return out


def machine_section(facts, started, others, trusted):
    out = ["", "## The machine", ""] + _table(("", ""), facts.items())
    out += ["", f"Load average at the start: {started:.2f}. Others used {others:.1%} of all cores while this ran."]
    if not trusted:
        out += ["", "**Other work ran beside this: do not quote these figures. Ratios and CPU times are a hint at best.**"]
    return out


def write_charts(row, directory):
    """[(measure, path relative to the report)] of the row's charts; one bar alone is none."""
    made = []
    for measure in row.charts:
        figures = [(name, sample[measure]) for name, sample in row.figures.items() if measure in sample]
        if len(figures) < 2:
            continue
        name = f"{row.key.lower()}-{FILES[measure]}.svg"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(chart.bars(row.title, measure.replace("us", "µs"), figures))
        made.append((measure, f"{directory.name}/{name}"))
    return made


def write(out, rows, facts, *, started, others, trusted, how, repeat, date, name="responder", title="The responder, measured",
          layout="The server has one core, the load the other; contenders take turns (A B C A B C).", notes_file=None):
    """Writes <name>.md, <name>.json and <name>/*.svg below `out`; the path of the first."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    notes = read_notes(notes_file or NOTES)
    charts = {row.key: write_charts(row, out / name) for row in rows}
    tally = ", ".join(f"{count} {kind}" for kind, count in counts(rows).items())
    lines = [f"# {title}", "", f"Made by `{repeat}` on {date}. {how}", "",
             f"Medians; in brackets the least and the most. {layout} {HOLDS}",
             "", f"Goals: {tally or 'none'}."]
    if not trusted:
        lines += ["", "**Other work ran beside this: see the machine below.**"]
    lines += ["", *goals_table(rows), *machine_section(facts, started, others, trusted)]
    for row in rows:
        lines += row_section(row, charts[row.key], notes.get(row.key))
    path = out / f"{name}.md"
    path.write_text("\n".join(lines) + "\n")
    raw = {"date": date, "facts": facts, "load_at_start": started, "others": others,
           "rows": {row.key: {name: {m: f.samples for m, f in sample.items()} for name, sample in row.figures.items()} for row in rows}}
    (out / f"{name}.json").write_text(json.dumps(raw, indent=1) + "\n")
    return path


def now():
    """For the head of a report."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def repeat_command(name, build):
    """How to make this report again, with the options this script was given."""
    options = [word for word in sys.argv[1:] if word.startswith("-") or pathlib.Path(word).resolve() != build]
    return f"./run bench {name}" + (f" -- {shlex.join(options)}" if options else "")


def section_rows(name, make, plan):
    """The rows of a section; where it breaks, a row that says so instead of the rest."""
    try:
        for row in make(plan):
            print(plain(row), flush=True)
            yield row
    except (process.Failed, OSError, KeyError, ValueError) as broken:
        row = Row(f"broken-{name}", f"Section {name} broke off", goals=[Goal("ran to its end", 1, 0)], notes=[f"{type(broken).__name__}: {broken}"])
        print(plain(row), *row.notes, sep="\n", flush=True)
        yield row


def end_by(rows, short):
    """Ends this script as what was measured demands: goals that are missed count only where nothing but answers is judged."""
    wrong = [row.title for row in rows if row.key.startswith("broken-")]
    if short:
        wrong = [f"{row.title}: {goal.what}" for row in rows for goal in row.goals if goal.verdict == MISSED]
    if wrong:
        sys.exit("wrong: " + "; ".join(wrong))


def plain(row):
    """A row for the terminal."""
    out = [f"-- {row.title}"]
    for name, sample in row.figures.items():
        told = ", ".join(f"{measure} {figure_text(figure)}" for measure, figure in sample.items() if measure not in ("answered", "octets"))
        out.append(f"   {name:32} {told}")
    for goal in row.goals:
        why = f" ({goal.why})" if goal.verdict == UNKNOWN and goal.why else ""
        out.append(f"   {goal.verdict}{why}: {goal.what}: {goal.bound_text()}; {goal.value_text()}")
    return "\n".join(out + [f"   {note}" for note in dict.fromkeys(row.notes) if note.startswith("left out")])
