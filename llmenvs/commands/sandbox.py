"""`llmenvs sandbox`: ``doctor`` says what this machine offers for running untrusted code, and why.

``build-image`` makes the image of the docker backend; ``audit`` is in
`llmenvs.commands.sandbox_audit`.
"""

import argparse
import json
import sys
from dataclasses import asdict

from llmenvs.commands import sandbox_audit
from llmenvs.verifiers.code.doctor import Diagnosis, diagnose
from llmenvs.verifiers.code.job import SandboxError

DESCRIPTION = "Look at the sandbox that model-written code is run in."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    doctor = actions.add_parser("doctor", help="say what this machine can isolate code with")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    build = actions.add_parser(
        "build-image", help="build the docker backend's image of this Python"
    )
    build.add_argument("--tag", help="name:tag of the image, instead of the one that is looked for")
    build.add_argument(
        "--preload", nargs="*", default=[], metavar="MODULE", help="to have in it, as numpy"
    )
    sandbox_audit.add_arguments(actions.add_parser("audit", help=sandbox_audit.SUMMARY))


def run(args: argparse.Namespace) -> int:
    """Carry out the action; the status is 1 where no code can be isolated, or no image built."""
    if args.action == "audit":
        return sandbox_audit.run(args)
    if args.action == "build-image":
        return _build_image(args.tag, args.preload)
    diagnosis = diagnose()
    print(_as_json(diagnosis) if args.json else _as_text(diagnosis))  # noqa: T201 (a command)
    return 0 if diagnosis.chosen is not None else 1


def _build_image(tag: str | None, preload: list[str]) -> int:
    from llmenvs.verifiers.code.docker_image import build_image
    from llmenvs.verifiers.code.docker_worker import DEFAULT_IMAGE

    tag = tag or DEFAULT_IMAGE
    try:
        image = build_image(tag, preload)
    except (SandboxError, ValueError) as error:
        sys.stderr.write(f"llmenvs sandbox build-image: {error}\n")
        return 1
    print(f"{tag} is {image}")  # noqa: T201 (a command)
    return 0


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
