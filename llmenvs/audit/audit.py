"""The audit of one task: what its tests accept, and what the prompt gives away.

Programs run in the sandbox and nowhere else; the reference is only parsed here. The result is a
JSON-ready record that follows from the task and the configuration, and not from the clock.
"""

import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from llmenvs.audit.cases import Case, cases_of, contradictory, repeated, shown_cases
from llmenvs.audit.examples import examples_in
from llmenvs.audit.mutants import Mutant, mutants_of
from llmenvs.audit.solvers import memoriser, names_of, trivial_solvers
from llmenvs.envs.code_test import PROMPT_TEMPLATE, prompt_of
from llmenvs.tasks import Task
from llmenvs.verifiers.code.checks import Outcome, run_checks
from llmenvs.verifiers.code.job import Sandbox, SandboxError
from llmenvs.verifiers.code.target import CodeTarget, Settings, read_target

Record = dict[str, Any]
_TRIES = 2


class FindingKind(StrEnum):
    """What can be wrong with a task."""

    UNREADABLE = "unreadable"
    """The row cannot be read, or its target or its reference is at fault."""
    REFERENCE_FAILS = "reference fails"
    """The reference fails every time."""
    FLAKY = "flaky"
    """The reference passes only sometimes."""
    TRIVIAL_PASSES = "trivial passes"
    """A program that does nothing, gives back its input or always gives the same passes."""
    LEAKS = "leaks"
    """A program passes that knows the examples in the prompt and nothing else."""
    MISLEADING = "misleading example"
    """The reference gives another result for an example in the prompt."""
    CONTRADICTORY = "contradictory"
    """The same input has two expected results."""
    WEAK = "weak"
    """Too many mutants of the reference pass."""
    UNDECIDED = "undecided"
    """The sandbox failed, so that something could not be tried."""


class Stopped(Exception):
    """The audit was told to stop."""


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """What decides the records of an audit.

    Attributes:
        repeats: runs of the reference, at least 1.
        max_mutants: of one task; of more, so many are drawn.
        weak_below: the share of mutants that must fail, in [0, 1].
        mutant_cpu_s: limit of a mutant or a trivial solver, over 0, where the reference keeps to
            it as well; otherwise the target's own limit holds.
        seed: of the draw of mutants.

    Raises:
        ValueError: a value is out of its range.
    """

    repeats: int = 3
    max_mutants: int = 60
    weak_below: float = 0.8
    mutant_cpu_s: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.repeats < 1 or self.max_mutants < 0:
            raise ValueError(
                f"need repeats >= 1 and max_mutants >= 0, got {self.repeats} and {self.max_mutants}"
            )
        if not 0.0 <= self.weak_below <= 1.0 or not self.mutant_cpu_s > 0.0:
            raise ValueError(
                "need weak_below in [0, 1] and mutant_cpu_s > 0, "
                f"got {self.weak_below} and {self.mutant_cpu_s}"
            )


def audit_task(
    task: Task,
    sandbox: Sandbox,
    config: AuditConfig = AuditConfig(),
    *,
    stop: threading.Event | None = None,
) -> Record:
    """Return the record of one task; whatever is wrong with the task is in its findings.

    Args:
        task: with ``target`` and, for most of the audit, ``solution``.
        sandbox: runs the programs.
        config: see `AuditConfig`.
        stop: once set, no further program is run.

    Raises:
        Stopped: ``stop`` was set.
    """
    audit = _Audit(task, sandbox, config, stop or threading.Event())
    try:
        audit.run()
    except Stopped:
        raise
    except (SandboxError, OSError) as error:
        audit.find(FindingKind.UNDECIDED, f"the sandbox failed: {error}")
    except Exception as error:  # one bad row is not the end of a task set
        audit.find(FindingKind.UNREADABLE, f"{type(error).__name__}: {error}")
    return audit.record


def unreadable(place: str, fault: str) -> Record:
    """Return the record of a row that is no task."""
    finding = {"kind": FindingKind.UNREADABLE.value, "detail": fault}
    return {"task_id": place, "findings": [finding], "notes": []}


@dataclass(slots=True)
class _Audit:
    """One task on its way; ``record`` grows."""

    task: Task
    sandbox: Sandbox
    config: AuditConfig
    stop: threading.Event
    record: Record = field(default_factory=dict)

    def run(self) -> None:
        self.record |= {"task_id": self.task["task_id"], "findings": [], "notes": []}
        target = read_target(self.task.get("target"), Settings())
        cases = cases_of(target)
        self._look_at_cases(cases)
        reference = self.task.get("solution")
        if reference is None:
            self._note("there is no reference solution")
        if reference is None or not self._try_reference(reference, target):
            self._try_solvers(self._quick(target), cases)
            return
        self._try_examples(reference, target)
        quick = self._quick(target)
        limited = quick if self._passes(reference, quick) else target
        self._try_solvers(limited, cases)
        self._try_mutants(reference, limited)

    def find(self, kind: FindingKind, detail: str) -> None:
        self.record["findings"].append({"kind": kind.value, "detail": detail})

    def _note(self, text: str) -> None:
        self.record["notes"].append(text)

    def _look_at_cases(self, cases: Sequence[Case]) -> None:
        for case in contradictory(cases)[:1]:
            self.find(FindingKind.CONTRADICTORY, f"{case.call[:200]} has two expected results")
        if same := repeated(cases):
            self._note(f"{len(same)} of {len(cases)} tests have the input of an earlier one")

    def _try_reference(self, reference: str, target: CodeTarget) -> bool:
        outcomes = [self._outcome(reference, target) for _ in range(self.config.repeats)]
        passed = sum(outcome.all_passed for outcome in outcomes)
        self.record["reference"] = {"runs": len(outcomes), "passed": passed}
        failure = next((each.failure for each in outcomes if not each.all_passed), "")
        if passed == len(outcomes):
            return True
        if passed:
            self.find(FindingKind.FLAKY, f"passed {passed} of {len(outcomes)} times: {failure}")
        else:
            self.find(FindingKind.REFERENCE_FAILS, failure)
        return False

    def _try_examples(self, reference: str, target: CodeTarget) -> None:
        """Run the reference on the examples that the statement has as at Python's prompt."""
        for example in examples_in(self.task.get("statement", ""), names_of(target)):
            checked = {
                "entry_point": example.function,
                "inputs": [list(example.args)],
                "outputs": [example.result],
                "sequences_alike": True,
            }
            outcome = self._outcome(reference, read_target(checked, target.settings))
            if not outcome.all_passed:
                self.find(FindingKind.MISLEADING, outcome.failure.partition(": ")[2])

    def _try_solvers(self, target: CodeTarget, cases: Sequence[Case]) -> None:
        passing = [
            solver.name
            for solver in trivial_solvers(target, cases)
            if self._passes(solver.source, target)
        ]
        self.record["passing_solvers"] = passing
        if passing:
            self.find(FindingKind.TRIVIAL_PASSES, ", ".join(passing))
        shown = shown_cases(cases, prompt_of(self.task, PROMPT_TEMPLATE))
        self.record["cases"] = {"known": len(cases), "shown": len(shown)}
        if shown and not passing and self._passes(memoriser(target, shown).source, target):
            self.find(FindingKind.LEAKS, f"the {len(shown)} tests that the prompt shows are enough")

    def _try_mutants(self, reference: str, target: CodeTarget) -> None:
        names = [name.partition(".")[0] for name in names_of(target)]
        mutants = self._drawn(mutants_of(reference, names=names))
        survivors = [mutant for mutant in mutants if self._passes(mutant.source, target)]
        killed = len(mutants) - len(survivors)
        score = killed / len(mutants) if mutants else None
        self.record["mutants"] = {"tried": len(mutants), "killed": killed, "score": score}
        self.record["survivors"] = [
            {"operator": each.operator, "line": each.line, "diff": each.diff} for each in survivors
        ]
        if score is not None and score < self.config.weak_below:
            self.find(
                FindingKind.WEAK, f"{len(survivors)} of {len(mutants)} mutants pass all tests"
            )

    def _drawn(self, mutants: list[Mutant]) -> list[Mutant]:
        if len(mutants) <= self.config.max_mutants:
            return mutants
        stream = zlib.crc32(self.task["task_id"].encode())
        rng = np.random.default_rng([self.config.seed, stream])
        chosen = rng.choice(len(mutants), size=self.config.max_mutants, replace=False)
        return [mutants[index] for index in sorted(chosen)]

    def _quick(self, target: CodeTarget) -> CodeTarget:
        """Return the target with the shorter limit: many mutants loop for ever."""
        limits = target.settings.limits
        limits = replace(limits, cpu_s=min(limits.cpu_s, self.config.mutant_cpu_s))
        return replace(target, settings=replace(target.settings, limits=limits))

    def _passes(self, source: str, target: CodeTarget) -> bool:
        return self._outcome(source, target).all_passed

    def _outcome(self, source: str, target: CodeTarget) -> Outcome:
        for tries_left in reversed(range(_TRIES)):
            if self.stop.is_set():
                raise Stopped
            try:
                return run_checks(self.sandbox, source, target, run_all=False)
            except SandboxError:
                if not tries_left or self.stop.is_set():
                    raise
        raise AssertionError  # the last try returns or raises
