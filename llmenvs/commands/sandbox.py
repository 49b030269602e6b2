"""`llmenvs sandbox doctor`: what this machine offers for running untrusted code, and why.

`llmenvs sandbox audit` is in `llmenvs.commands.sandbox_audit`.
"""

import argparse
import json
from dataclasses import asdict

from llmenvs.commands import sandbox_audit
from llmenvs.verifiers.code.doctor import Diagnosis, diagnose

DESCRIPTION = "Look at the sandbox that model-written code is run in."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    doctor = actions.add_parser("doctor", help="say what this machine can isolate code with")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    sandbox_audit.add_arguments(actions.add_parser("audit", help=sandbox_audit.SUMMARY))


def run(args: argparse.Namespace) -> int:
    """Print the diagnosis; the status is 1 where no code can be isolated."""
    if args.action == "audit":
        return sandbox_audit.run(args)
    diagnosis = diagnose()
    print(_as_json(diagnosis) if args.json else _as_text(diagnosis))  # noqa: T201 (a command)
    return 0 if diagnosis.chosen is not None else 1


def _as_json(diagnosis: Diagnosis) -> str:
    chosen = diagnosis.chosen
    return json.dumps({**asdict(diagnosis), "chosen": None if chosen is None else chosen.outer})


def _as_text(diagnosis: Diagnosis) -> str:
    lines = [f"{name + ':':12} {finding}" for name, finding in diagnosis.facts.items()]
    for arrangement in diagnosis.arrangements:
        verdict = arrangement.problem or f"works, starts in {arrangement.start_s:.2f} s"
        lines += ["", f"{arrangement.outer}: {verdict}", f"  {arrangement.guards}"]
    chosen = diagnosis.chosen
    if chosen is None:
        lines += ["", "No code can be isolated here. Run on Linux 5.13 or newer, with Landlock."]
    else:
        lines += ["", f'open_sandbox() takes the backend "local" with {chosen.outer}: the first']
        lines[-1] += " of these that works."
    return "\n".join(lines)
