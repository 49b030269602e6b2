"""tau2's tasks as requests: a task source for each domain, where ``inspect-evals`` is installed.

tau2 (Barres et al., 2025) plays the customer by a second model, which tells the agent bit by bit
what its instructions say. Here there is no second model, and the instructions are the request,
whole and at once. So what tau2 tests by withholding (asking for what is missing, holding a line
under pressure) is not tested; what is done with the tools, under the policy, is.

A task is solved as in tau2: the database at the end is the one that the reference actions make, and
the facts to communicate were told, as `llmenvs.worlds.facts` reads them: in tau2 a fact ``"4"`` is
told by any text with a 4 in it. What this cannot score is left out, with a reason: see `LeftOut`.
"""

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from llmenvs.tasks import Task, hash_of
from llmenvs.worlds.scenario import Scenario
from llmenvs.worlds.tau2_package import DOMAINS, package_of
from llmenvs.worlds.tau2_tasks import LeftOut, reason_left_out, task_of_row

_PREFIX = "tau2-"
_VERSION = 1  # counted up with every change of what a task id means
_BASE = "base"


@dataclass(frozen=True, slots=True)
class Tau2Requests:
    """The tasks of a domain of tau2: a task source.

    A task has ``request``, ``world``, ``split`` and ``kind`` (``"write"``, ``"read"``, or
    ``"refuse"`` where nothing is to be changed or told: such a task wants `decline_request` called
    for the customer); its id is such as ``tau2-airline/7``.

    Attributes:
        domain: ``"airline"``, ``"retail"`` or ``"banking"``.
        split: ``"base"`` for all, or tau2's own ``"train"`` and ``"test"``, which banking lacks.

    Raises:
        ValueError: an unknown domain or split.
        ModuleNotFoundError: ``inspect-evals`` is not installed.
    """

    domain: str
    split: str = _BASE

    def __post_init__(self) -> None:
        if self.domain not in DOMAINS:
            raise ValueError(f"domain must be one of {list(DOMAINS)}, got {self.domain!r}")
        splits = [_BASE, *(name for name in package_of(self.domain).splits if name != _BASE)]
        if self.split not in splits:
            raise ValueError(f"split of {self.domain} must be one of {splits}, got {self.split!r}")

    @property
    def content_hash(self) -> str:
        """Of the rows of the package's file, in which all stands that a task follows from."""
        return _hash_of(self.domain, self.split)

    def standard_ids(self) -> list[str]:
        """Return the ids of all tasks of the split, in tau2's order."""
        return list(_ids_of(self.domain, self.split))

    def left_out(self) -> dict[str, LeftOut]:
        """Return why each task of the domain that is not among the requests is not, by its id."""
        reasons = {
            f"{_PREFIX}{self.domain}/{row['id']}": reason_left_out(self.domain, row["id"])
            for row in package_of(self.domain).rows.values()
        }
        return {task_id: reason for task_id, reason in reasons.items() if reason is not None}

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw a task."""
        task_ids = _ids_of(self.domain, self.split)
        return self.find(task_ids[int(rng.integers(len(task_ids)))])

    def find(self, task_id: str) -> Task:
        """Return the task of that id; raise a ValueError if it is none of this source."""
        task_ids = _ids_of(self.domain, self.split)
        if task_id not in task_ids:
            reason = self.left_out().get(task_id)
            raise ValueError(
                f"there is no task {task_id!r} in the split {self.split!r} of {self.domain}: "
                + (f"{reason}" if reason else f"an id is such as {task_ids[0]}")
            )
        found = task_of_row(*_parts(task_id))
        return {
            "task_id": task_id,
            "world": f"{_PREFIX}{self.domain}",
            "kind": found.kind,
            "split": self.split,
            "request": found.scenario.request,
        }


def is_tau2(name: str) -> bool:
    """Return whether a task id or a session is of tau2."""
    return name.startswith(_PREFIX)


def tau2_session_of(task_id: str) -> str:
    """Return by what an episode's prompt names its task, without its number in a public set."""
    domain, name = _parts(task_id)
    return f"{_PREFIX}{domain}-{zlib.crc32(name.encode()):08x}"


def tau2_task_of_session(session: str) -> str:
    """Return the task of a session.

    Raises:
        ValueError: there is none.
    """
    domain = session.removeprefix(_PREFIX).partition("-")[0]
    if domain in DOMAINS and session in (sessions := _sessions(domain)):
        return sessions[session]
    raise ValueError(f"there is no session {session!r}")


def tau2_scenario(task_id: str) -> Scenario:
    """Return the scenario of a task, whose plan is the reference actions that work.

    Raises:
        ValueError: there is none, or it was left out.
    """
    domain, name = _parts(task_id)
    return task_of_row(domain, name).scenario


def _parts(task_id: str) -> tuple[str, str]:
    domain, _, name = task_id.removeprefix(_PREFIX).partition("/")
    if domain in DOMAINS and name in package_of(domain).rows:
        return domain, name
    raise ValueError(
        f"there is no task {task_id!r}: an id is such as tau2-airline/7, with a domain of "
        f"{list(DOMAINS)}"
    )


@cache
def _ids_of(domain: str, split: str) -> tuple[str, ...]:
    package = package_of(domain)
    members = package.splits.get(split)
    return tuple(
        f"{_PREFIX}{domain}/{name}"
        for name in package.rows
        if (members is None or name in members) and reason_left_out(domain, name) is None
    )


@cache
def _sessions(domain: str) -> dict[str, str]:
    task_ids = _ids_of(domain, _BASE)
    return {tau2_session_of(task_id): task_id for task_id in task_ids}


@cache
def _hash_of(domain: str, split: str) -> str:
    rows = package_of(domain).rows
    names = [task_id.partition("/")[2] for task_id in _ids_of(domain, split)]
    return hash_of(["tau2", _VERSION, domain, split, *(rows[name] for name in names)])
