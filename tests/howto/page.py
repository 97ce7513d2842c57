"""A page of documentation as a list of things to do."""
import dataclasses
import re

DAEMON, RUN, EVENTUALLY = "daemon", "run", "eventually"
ANNOUNCED = {"responder": r"^(listening on |exporting every )", "edge": r"^listening on ", "relay": r"^listening on ", "stapler": r"^ready: ", "front": r"^listening on ", "python3": r"^Serving HTTP on "}


@dataclasses.dataclass
class Step:
    kind: str
    line: int            # where the block begins
    text: str
    exit_code: int = 0
    port: str = ""       # of a daemon of others: where it listens, as the page writes it
    output: list = dataclasses.field(default_factory=list)  # fragments that must be printed


def needs(text):
    """The programs named by a comment `<!-- needs: a b -->`."""
    match = re.search(r"<!-- needs: (.*?) -->", text)
    return match[1].split() if match else []


def given(text):
    """What the page takes for given, named by a comment `<!-- given: corp -->`."""
    match = re.search(r"<!-- given: (.*?) -->", text)
    return match[1].split() if match else []


def _blocks(text):
    """(line, info string, content) of each fenced block."""
    number, found, lines = 0, [], text.splitlines()
    while number < len(lines):
        if match := re.match(r"```(.*)$", lines[number]):
            start = number + 1
            number = next(n for n in range(start, len(lines)) if lines[n].startswith("```"))
            found.append((start, match[1].strip(), "\n".join(lines[start:number]) + "\n"))
        number += 1
    return found


def marked_steps(text):
    """Blocks that say what to do with them: ```sh run, ```sh daemon, ```sh eventually, with exit=N or port=N where due;
    ```text output: what the block before must print."""
    steps = []
    for line, info, content in _blocks(text):
        words = info.split()
        if len(words) > 1 and words[0] == "sh":
            if words[1] not in (DAEMON, RUN, EVENTUALLY):
                raise ValueError(f"line {line}: '{words[1]}' is none of run, daemon, eventually")
            code = next((int(word[5:]) for word in words if word.startswith("exit=")), 0)
            port = next((word[5:] for word in words if word.startswith("port=")), "")
            steps.append(Step(words[1], line, content, code, port))
        elif words[:2] == ["text", "output"]:
            steps[-1].output = [fragment for fragment in content.splitlines() if fragment.strip()]
    return steps


def one_liner_steps(text):
    """Every command line of plain ```sh blocks that begins with `muster` or `openssl`, each for itself."""
    steps = []
    for line, info, content in _blocks(text):
        if info != "sh":
            continue
        for offset, command in enumerate(content.replace("\\\n", " ").splitlines()):
            words = command.split()
            if len(words) > 1 and words[0] == "muster" and words[1] in ANNOUNCED:
                steps.append(Step(DAEMON, line + offset, command + "\n"))
            elif len(words) > 1 and words[0] in ("muster", "openssl") and "COMMAND" not in words:
                steps.append(Step(RUN, line + offset, command + "\n"))
    return steps
