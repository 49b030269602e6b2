"""The audit of a task set: many tasks at once, and a folder of results that a run goes on with.

The folder has ``run.json`` (whose it is), ``tasks.jsonl`` (a record for each task, as they come
in), and, at the end, ``summary.json`` and ``report.md``.
"""

import json
import os
import shutil
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmenvs import __version__
from llmenvs.audit.audit import AuditConfig, Record, Stopped, audit_task, unreadable
from llmenvs.audit.report import markdown, summarise
from llmenvs.run_owner import check_owner
from llmenvs.tasks import Task, TaskSet
from llmenvs.verifiers.code.job import Sandbox

RECORDS = "tasks.jsonl"


class AuditRun:
    """An audit, begun or gone on with.

    Args:
        name: of the task set, for reports.
        tasks: what to audit.
        config: see `AuditConfig`.
        faults: of rows that could not be read; each is a record as well.
        out: the folder of results; None to keep none.
        overwrite: drop what another run has left there.

    Raises:
        ValueError: the folder holds another run.
        OSError: it cannot be written to.
    """

    def __init__(
        self,
        name: str,
        tasks: TaskSet,
        config: AuditConfig,
        *,
        faults: Sequence[str] = (),
        out: Path | None = None,
        overwrite: bool = False,
    ) -> None:
        self.name = name
        self.config = config
        self._tasks = tasks
        self._faults = [unreadable(f"row {n}", fault) for n, fault in enumerate(faults)]
        self._out = out
        self._records: dict[str, Record] = {}
        if out is not None:
            self._open(out, overwrite=overwrite)

    @property
    def waiting(self) -> list[Task]:
        """The tasks without a record."""
        return [task for task in self._tasks if task["task_id"] not in self._records]

    @property
    def records(self) -> list[Record]:
        """The records that there are, in the order of the tasks, those of bad rows first."""
        done = (self._records.get(task["task_id"]) for task in self._tasks)
        return [*self._faults, *(record for record in done if record is not None)]

    def run(self, sandbox: Sandbox, *, workers: int) -> Generator[Record, None, None]:
        """Audit what is waiting, ``workers`` tasks at a time; yield each record as it is kept.

        Closing the iterator, or an exception such as `KeyboardInterrupt`, ends the runs; what has
        been yielded is kept.
        """
        stop = threading.Event()
        pool = ThreadPoolExecutor(workers, thread_name_prefix="audit")
        try:
            futures: list[Future[Record]] = [
                pool.submit(audit_task, task, sandbox, self.config, stop=stop)
                for task in self.waiting
            ]
            for future in as_completed(futures):
                record = future.result()
                self._keep(record)
                yield record
        except Stopped:
            return
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def finish(self) -> dict[str, Any]:
        """Return the summary, and write it and the report where there is a folder."""
        summary = {
            "tasks_name": self.name,
            "content_hash": self._tasks.content_hash,
            "config": asdict(self.config),
            **summarise(self.records),
        }
        if self._out is not None:
            _write(self._out / "summary.json", json.dumps(summary, indent=2) + "\n")
            _write(self._out / "report.md", markdown(self.name, summary, self.records))
        return summary

    def _open(self, out: Path, *, overwrite: bool) -> None:
        owner = out / "run.json"
        identity = {
            "version": __version__,
            "tasks": self.name,
            "content_hash": self._tasks.content_hash,
            "config": asdict(self.config),
        }
        if overwrite and owner.exists():
            shutil.rmtree(out)
        elif owner.exists():
            check_owner(owner, identity)
        elif out.exists() and any(out.iterdir()):
            raise ValueError(f"{out} is not empty and holds no audit; choose another folder")
        out.mkdir(parents=True, exist_ok=True)
        _write(owner, json.dumps(identity, indent=2) + "\n")
        self._restore(out / RECORDS)

    def _restore(self, path: Path) -> None:
        """Take over the records that are whole; cut off one that a kill has left in the middle."""
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                record = json.loads(line)
                self._records[record["task_id"]] = record
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}:{number}: is no record ({error}); overwrite") from error
        if len(whole) < len(data):
            os.truncate(path, len(whole))

    def _keep(self, record: Record) -> None:
        self._records[record["task_id"]] = record
        if self._out is not None:
            with open(self._out / RECORDS, "ab") as file:
                file.write(json.dumps(record).encode() + b"\n")


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
