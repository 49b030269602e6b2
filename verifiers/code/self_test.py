"""Whether a new fork-server holds: every door that code could leave by is tried from inside."""

import json
import os
from functools import cache
from importlib import resources
from typing import Any

from llmenvs.verifiers.code.exposure import FOLDER
from llmenvs.verifiers.code.job import Ending, Limits, SandboxError, StdinJob
from llmenvs.verifiers.code.process import Server
from llmenvs.verifiers.code.runner import run_program

LIMITS = Limits(cpu_s=20.0, wall_s=60.0)
MIN_DOORS = 30


def refuse_open_doors(worker: Server) -> None:
    """Probe a fork-server.

    Raises:
        SandboxError: a door is open, or something that honest code needs does not work.
    """
    findings = probe(worker)
    opened = [name for name, reason in findings["doors"].items() if not reason]
    if opened:
        raise SandboxError(f"not isolated, for code could {' and '.join(opened)}")
    broken = [f"{name} ({reason})" for name, reason in findings["needs"].items() if reason]
    if broken:
        raise SandboxError(f"isolated too far, for code has not {' nor '.join(broken)}")


def probe(worker: Server) -> dict[str, dict[str, str]]:
    """Return of each door and each need why it failed, "" where it did not.

    Raises:
        SandboxError: the probe did not come to its end.
    """
    job = StdinJob(_probe_source(), f"{_host_file()}\n")
    result = run_program(
        job, LIMITS, lambda data, stdin: worker.start_process(LIMITS, data, stdin=stdin)
    )
    if result.ending is not Ending.FINISHED:
        errors = result.stderr.decode(errors="replace").strip()[-300:]
        raise SandboxError(f"the probe ended by {result.ending} ({result.detail}): {errors}")
    findings: dict[str, Any] = json.loads(result.stdout)
    if len(findings["doors"]) < MIN_DOORS:
        raise SandboxError(f"the probe tried only {len(findings['doors'])} doors")
    return findings


@cache
def _probe_source() -> str:
    return resources.files(__package__).joinpath("probe.py").read_text()


def _host_file() -> str:
    """Return a file that is here and must not be in there: one of llmenvs itself."""
    return os.path.join(os.path.dirname(FOLDER), "verdict.py")
