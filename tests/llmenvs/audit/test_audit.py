"""An audit finds each kind of fault, and clears a sound task."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmenvs.audit.audit import AuditConfig, Stopped, audit_task
from llmenvs.audit.report import summarise
from llmenvs.audit.run import AuditRun
from llmenvs.cli import main
from llmenvs.tasks import TaskSet
from llmenvs.verifiers.code import (
    Accept,
    Job,
    Limits,
    RunResult,
    Sandbox,
    SandboxError,
    open_sandbox,
)

ADD = "def add(a, b):\n    return a + b"


def row(solution: str | None = ADD, statement: str = "Add.", **target: Any) -> dict[str, Any]:
    target = target or {
        "entry_point": "add",
        "inputs": [[1, 2], [0, 5], [-3, 3], [7, 7]],
        "outputs": [3, 5, 0, 14],
    }
    task = {"task_id": "t", "statement": statement, "target": target, "solution": solution}
    return {key: value for key, value in task.items() if value is not None}


CHOOSE = "def larger(a, b):\n    if a > b:\n        return a\n    return b"
FAULTY = {
    "unreadable": [
        row(entry_point="add", inputs=[[1]], outputs=[]),
        row("def add(a, b:", asserts=["assert add(1, 2 == 3"]),
        {"task_id": "t", "statement": "No target."},
        row(7),  # type: ignore[arg-type]  # no text
    ],
    "reference fails": [row(ADD.replace("+", "-")), row("def add(a, b: return")],
    "flaky": [
        row(
            "import os, time\ndef f():\n    return int(time.monotonic() * 1e6) % 2",
            entry_point="f",
            inputs=[[]] * 1,
            outputs=[1],
        )
    ],
    "trivial passes": [
        row(entry_point="add", inputs=[[1, 2], [2, 1]], outputs=[3, 3]),
        row("def add(a, b):\n    return a", entry_point="add", inputs=[[1, 2]], outputs=[1]),
        row("print(4)", stdin=["1", "2"], stdout=["4", "4"]),
        row("print(input())", stdin=["1", "2"], stdout=["1", "2"]),
        row(asserts=["assert add(1, 2) == 3"]),
        row(asserts=["assert add(1, 2) is not None or True", "add(1, 1)"]),
    ],
    "leaks": [
        row(
            statement="Add, as add(1, 2) == 3 and add(2, 2) returns 4.",
            asserts=["assert add(1, 2) == 3", "assert add(2, 2) == 4"],
        ),
        row(
            "print(int(input()) ** 2)",
            "Input:\n12\nOutput:\n144\n\nInput:\n20\nOutput:\n400",
            stdin=["12\n", "20\n"],
            stdout=["144\n", "400\n"],
        ),
        row(
            entry_point="add",
            inputs=[[1, 2], [2, 2]],
            outputs=[3, 4],
            groups=["visible", "visible"],
        ),
    ],
    "misleading example": [
        row(statement="Add.\n\n    >>> add(1, 1)\n    2\n    >>> add(1, 2)\n    4\n"),
        row(statement='```python\ndef add(a, b):\n    """\n    >>> add(-1, 1)\n    1\n```'),
    ],
    "contradictory": [
        row(entry_point="add", inputs=[[1, 2], [1, 2]], outputs=[3, 4]),
    ],
    "weak": [
        row(CHOOSE, entry_point="larger", inputs=[[1, 2], [1, 3]], outputs=[2, 3]),
        row(CHOOSE, asserts=["assert larger(1, 2) == 2", "assert larger(1, 3) == 3"]),
    ],
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=2) as opened:
        yield opened


def kinds(task: dict[str, Any], sandbox: Sandbox, **options: Any) -> set[str]:
    record = audit_task(task, sandbox, AuditConfig(**options))
    json.dumps(record)
    return {finding["kind"] for finding in record["findings"]}


@pytest.mark.parametrize("kind", FAULTY)
def test_each_kind_of_fault_is_found(kind: str, sandbox: Sandbox) -> None:
    for task in FAULTY[kind]:
        found = kinds(task, sandbox, repeats=20 if kind == "flaky" else 2)
        assert kind in found, task


@pytest.mark.parametrize(
    "task",
    [
        row(),
        row(asserts=["assert add(1, 2) == 3", "assert add(2, 2) == 4", "assert add(0, 9) == 9"]),
        row(statement="Add: add(1, 2) == 3."),
        row(statement=">>> add(1, 2)\n3\n>>> add(x, 2)\n9\n>>> print(add(0, 0))\n0\n>>> add"),
        row(None),
        row("print(int(input()) ** 2)", stdin=["12", "3"], stdout=["144", "9"]),
        row(
            "class Solution:\n    def add(self, a, b):\n        return a + b",
            entry_point="Solution.add",
            inputs=[[1, 2], {"a": 2, "b": 5}, [4, 4]],
            outputs=[3, 7, 8],
        ),
    ],
)
def test_sound_tasks_are_cleared(task: dict[str, Any], sandbox: Sandbox) -> None:
    assert kinds(task, sandbox) == set()


def test_a_record_says_what_was_tried_and_follows_from_the_task(sandbox: Sandbox) -> None:
    task = FAULTY["weak"][0]
    record = audit_task(task, sandbox)

    assert record["reference"] == {"runs": 3, "passed": 3}
    assert record["passing_solvers"] == []
    assert record["mutants"]["tried"] == record["mutants"]["killed"] + len(record["survivors"])
    survivor = record["survivors"][1]
    assert (survivor["operator"], survivor["line"]) == ("return", 3)
    assert audit_task(task, sandbox) == record


def test_solvers_are_tried_without_a_reference_that_passes(sandbox: Sandbox) -> None:
    target = FAULTY["trivial passes"][0]["target"]

    assert kinds(row(None, **target), sandbox) == {"trivial passes"}
    assert kinds(row("def add(a, b): return 0", **target), sandbox) == {
        "reference fails",
        "trivial passes",
    }


def test_mutants_are_drawn_by_the_seed(sandbox: Sandbox) -> None:
    task = row(CHOOSE + "\n# " + ADD.replace("\n", " "), **FAULTY["weak"][0]["target"])
    records = [
        audit_task(task, sandbox, AuditConfig(max_mutants=2, seed=seed)) for seed in (0, 0, 1, 2)
    ]

    assert records[0] == records[1]
    assert records[0]["mutants"]["tried"] == 2
    assert any(record["survivors"] != records[0]["survivors"] for record in records[2:])


class Failing:
    """A sandbox that cannot be reached, the first ``times`` times."""

    name = "failing"

    def __init__(self, sandbox: Sandbox, times: int) -> None:
        self._sandbox, self._times = sandbox, times

    def run(self, job: Job, limits: Limits, *, accept: Accept | None = None) -> RunResult:
        self._times -= 1
        if self._times >= 0:
            raise SandboxError("gone")
        return self._sandbox.run(job, limits, accept=accept)

    def close(self) -> None: ...

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None: ...


def test_a_sandbox_that_fails_once_is_tried_again_and_then_named(sandbox: Sandbox) -> None:
    assert kinds(row(), Failing(sandbox, 1)) == set()
    assert kinds(row(), Failing(sandbox, 10**6)) == {"undecided"}


def test_a_stopped_audit_runs_nothing_more(sandbox: Sandbox) -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(Stopped):
        audit_task(row(), sandbox, stop=stop)


@pytest.mark.parametrize(
    "options", [{"repeats": 0}, {"max_mutants": -1}, {"weak_below": 1.5}, {"mutant_cpu_s": 0.0}]
)
def test_a_configuration_out_of_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        AuditConfig(**options)


def named(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**task, "task_id": f"t{index}"} for index, task in enumerate(tasks)]


def test_a_run_goes_on_where_it_was(tmp_path: Path, sandbox: Sandbox) -> None:
    tasks = TaskSet(named(row(), FAULTY["weak"][0], row(statement="Again.")))
    out, config = tmp_path / "out", AuditConfig(repeats=1)
    first = AuditRun("mine", tasks, config, out=out)
    running = first.run(sandbox, workers=1)
    next(running)
    running.close()
    with open(out / "tasks.jsonl", "ab") as file:
        file.write(b'{"task_id": "t2", "fin')  # a kill in the middle of a line

    second = AuditRun("mine", tasks, config, out=out)
    assert [task["task_id"] for task in second.waiting] == ["t1", "t2"]
    assert len(list(second.run(sandbox, workers=2))) == 2
    summary = second.finish()
    whole = AuditRun("mine", tasks, config)
    list(whole.run(sandbox, workers=2))

    assert whole.records == second.records
    assert summary == json.loads((out / "summary.json").read_text())
    assert (summary["tasks"], summary["sound"], summary["findings"]["weak"]) == (3, 2, 1)
    assert "+    if a >= b:" in (out / "report.md").read_text()


def test_the_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    tasks, other = TaskSet(named(row())), TaskSet(named(row(None)))
    AuditRun("mine", tasks, AuditConfig(), out=tmp_path / "out")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "file").touch()

    with pytest.raises(ValueError, match="holds another run: its config"):
        AuditRun("mine", tasks, AuditConfig(seed=1), out=tmp_path / "out")
    with pytest.raises(ValueError, match="its content_hash is"):
        AuditRun("mine", other, AuditConfig(), out=tmp_path / "out")
    with pytest.raises(ValueError, match="is not empty"):
        AuditRun("mine", tasks, AuditConfig(), out=tmp_path / "foreign")
    AuditRun("mine", other, AuditConfig(), out=tmp_path / "out", overwrite=True)


def test_numbers_of_no_records_are_numbers() -> None:
    summary = summarise([])

    assert (summary["tasks"], summary["mutation_score"]) == (0, None)


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return str(path)


def test_the_command_names_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {"statement": "No target."}
    tasks = write(tmp_path / "tasks.jsonl", *named(row(), FAULTY["weak"][0]), bad)
    words = ["sandbox", "audit", tasks, "--repeats", "1", "--out", str(tmp_path / "out")]

    status = main(words)
    shown = "".join(capsys.readouterr().out.split())
    again = main(words)

    assert (status, again) == (1, 1)
    assert "t1:weak:" in shown
    assert "tasks.jsonl:3:'target'isarequiredproperty" in shown
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["tasks"], summary["sound"]) == (3, 1)
    assert summary["findings"]["unreadable"] == 1


def test_the_command_passes_a_sound_set(tmp_path: Path) -> None:
    assert main(["sandbox", "audit", write(tmp_path / "tasks.jsonl", row()), "--workers", "1"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "no task set and no file is called 'nothing'"),
        (["mbpp:"], "name the file: mbpp:FILE"),
        (["mbpp:missing.jsonl"], "missing.jsonl"),
        (["code_test", "--workers", "0"], "--workers must be at least 1"),
        (["code_test", "--instances", "0"], "instances must be at least 1"),
        (["code_test", "--weak-below", "2"], "weak_below in [0, 1]"),
    ],
)
def test_what_cannot_be_audited_is_said(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "audit", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        sys.executable,
        "-m",
        "llmenvs.cli",
        "sandbox",
        "audit",
        "code_test",
        "--out",
        str(out),
    ]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    records = out / "tasks.jsonl"
    while not (records.exists() and records.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "the same command goes on from here" in errors
    assert all(json.loads(line)["task_id"] for line in records.read_text().splitlines())


def test_a_broken_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(row()) + "\n{broken\n")

    assert main(["sandbox", "audit", str(path)]) == 2
    assert "tasks.jsonl:2: is not JSON" in capsys.readouterr().err
