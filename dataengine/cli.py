"""Command line interface: `dataengine COMMAND`, the same as `python -m` of the command's module."""

import difflib
import sys
from importlib import import_module
from typing import NamedTuple

from dataengine import __version__
from dataengine.command import run_command


class Command(NamedTuple):
    """A command: the module that holds it, and what it does in one line."""

    module: str
    does: str


COMMANDS = {
    "build": Command("dataengine.build", "build the dataset that a mixture describes"),
    "validate": Command("dataengine.validate", "check a mixture without building it"),
    "publish": Command("dataengine.publish.__main__", "publish a build, or show what would be"),
    "report": Command("dataengine.report.__main__", "write a build's report.html, or a public one"),
    "why": Command("dataengine.why", "why a row is missing, or where it came from"),
    "diff": Command("dataengine.diff", "what changed from one build to another"),
    "query": Command("dataengine.query", "ask a build in SQL"),
    "ledger": Command("dataengine.ledger_commands", "list, sum up, export stored model calls"),
    "personas": Command("dataengine.personas", "make new personas with a model"),
    "train sft": Command("train.sft", "supervised finetuning"),
    "train dpo": Command("train.dpo", "preference optimisation (DPO and kin)"),
    "train rlvr": Command("train.rlvr", "reinforcement learning on verifiable rewards"),
    "train rm": Command("train.rm", "a reward model from pairs"),
    "train distill": Command("train.distill", "on-policy distillation from a larger model"),
    "train merge": Command("train.merge", "an adapter (LoRA) and its base as one model"),
    "eval run": Command("eval.run", "measure a model on a tier or on suites"),
    "eval compare": Command("eval.compare", "compare two measured models, item by item"),
    "eval reward": Command("eval.reward", "ask a reward model for both answers of each pair"),
    "eval verifiers": Command("eval.verifiers.__main__", "list verifiers, test one on a suite"),
}

GROUPS = {name.split()[0] for name in COMMANDS if " " in name}


def main() -> None:
    """Run the command that the first words name; bad input is one line and exit code 2."""
    words = sys.argv[1:]
    if words[:1] == ["--version"]:
        print(__version__)
        return
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            sys.argv = [f"dataengine {name}", *words[length:]]
            return _run(COMMANDS[name])
    if {"--help", "-h"} & set(words[:2]):
        print(usage(words[0] if words[0] in GROUPS else ""))
        return
    print(_unknown(words), file=sys.stderr)
    raise SystemExit(2)


def usage(group: str = "") -> str:
    """What `--help` prints: every command, or those of one group (`train`), a line each."""
    shown = {name: command for name, command in COMMANDS.items() if name.startswith(group)}
    lines = "\n".join(f"  {name:<16}{command.does}" for name, command in shown.items())
    return f"""Usage: dataengine {group or "COMMAND"} ...

{lines}

dataengine COMMAND --help tells what a command takes; dataengine --version.
Decontamination alone is a command of its own: decontam --help."""


def _run(command: Command) -> None:
    module = import_module(command.module)
    if hasattr(module, "STAGE"):  # the trainers parse with TRL's own parser
        import_module("train.command").main(module.STAGE)
    elif hasattr(module, "app"):
        run_command(module.app)
    else:
        module.main()


def _unknown(words: list[str]) -> str:
    if not words or words[0] in GROUPS:
        return usage(*words[:1])
    near = difflib.get_close_matches(words[0], [*COMMANDS, *GROUPS, "decontam"], n=1)
    hint = f"did you mean {near[0]}?" if near else f"commands: {', '.join(COMMANDS)}"
    return f"error: no command is called {words[0]!r}; {hint}"
