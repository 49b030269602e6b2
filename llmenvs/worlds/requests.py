"""Requests by seed: a task source whose train and test halves cannot meet.

Which half a request is in follows from its words, from a checksum of them, not from its seed. So no
seed and no number of draws can put one request into both.
"""

import importlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from llmenvs.tasks import Task, hash_of
from llmenvs.worlds.scenario import Scenario, Template

SPLITS = ("train", "test")
WORLDS = ("bank", "calendar", "files", "library", "shop", "workbench")
"""The worlds; the module ``llmenvs.worlds.<name>_requests`` has the templates of each."""

STANDARD_INSTANCES = 5
"""Of each template and split, in the fixed set of tasks."""

_MAX_INDEX = 10**6
_VERSION = 1  # counted up with every change of what a task id means
_TASK_ID = re.compile(r"(\w+)/([\w-]+)/(train|test)/(\d{1,7})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProceduralRequests:
    """Requests by seed, of several worlds: a task source.

    A task has ``request``, ``world``, ``template`` and ``kind``; its id, such as
    ``bank/transfer/train/17``, is all that it follows from.

    Attributes:
        split: ``"train"`` or ``"test"``.
        worlds: names from `WORLDS`, drawn with equal chances; all of them by default.

    Raises:
        ValueError: an unknown split or world.

    >>> ProceduralRequests().find("workbench/convert/train/0")["request"]
    'What is 63.8 lb in g?'
    """

    split: str = "train"
    worlds: Sequence[str] = WORLDS

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {list(SPLITS)}, got {self.split!r}")
        unknown = [name for name in self.worlds if name not in WORLDS]
        if unknown or not self.worlds:
            raise ValueError(f"worlds must be some of {list(WORLDS)}, got {list(self.worlds)}")

    @property
    def content_hash(self) -> str:
        """Of the split, the worlds and the version of the templates."""
        return hash_of(["tool use", _VERSION, self.split, *self.worlds])

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw a world, then a template of it, then a request."""
        world = self.worlds[int(rng.integers(len(self.worlds)))]
        templates = templates_of(world)
        template = templates[int(rng.integers(len(templates)))]
        return self.find(f"{world}/{template.name}/{self.split}/{int(rng.integers(_MAX_INDEX))}")

    def find(self, task_id: str) -> Task:
        """Return the task of that id; raise a ValueError if it is none of this source."""
        kind = parse_task_id(task_id).kind
        world, template, split, _ = task_id.split("/")
        if split != self.split or world not in self.worlds:
            raise ValueError(
                f"the task {task_id!r} is not of the split {self.split!r} and the worlds "
                f"{list(self.worlds)}"
            )
        request = scenario_of(task_id).request
        return {
            "task_id": task_id,
            "world": world,
            "template": template,
            "kind": kind,
            "split": split,
            "request": request,
        }

    def standard_ids(self) -> list[str]:
        """Return the ids of the fixed set: five of each template of these worlds."""
        return [
            f"{world}/{template.name}/{self.split}/{index}"
            for world in self.worlds
            for template in templates_of(world)
            for index in range(STANDARD_INSTANCES)
        ]


def templates_of(world: str) -> tuple[Template, ...]:
    """Return the templates of a world, which are imported when they are first asked for."""
    module = importlib.import_module(f"llmenvs.worlds.{world}_requests")
    templates: tuple[Template, ...] = module.TEMPLATES
    return templates


def parse_task_id(task_id: str) -> Template:
    """Return the template of a task.

    Raises:
        ValueError: there is no such task; the message says how an id looks.
    """
    found = _TASK_ID.fullmatch(str(task_id))
    if found is not None and found[1] in WORLDS:
        for template in templates_of(found[1]):
            if template.name == found[2]:
                return template
    raise ValueError(
        f"there is no task {task_id!r}: an id is world/template/split/number, such as "
        f"bank/transfer/train/17, with a world of {list(WORLDS)}"
    )


_SESSION_PRIME = 1_000_000_000_039
_SESSION_FACTOR = 618_033_988_749


def session_of(task_id: str) -> int:
    """Return the number by which an episode's prompt names its task without telling its kind.

    It can be turned back, see `task_id_of_session`, so that a scripted policy that has nothing but
    the prompt knows which plan to follow.
    """
    world, template, split, index = task_id.split("/")
    names = [found.name for found in templates_of(world)]
    code = (WORLDS.index(world) * 64 + names.index(template)) * 2 + SPLITS.index(split)
    return (code * 10**7 + int(index) + 1) * _SESSION_FACTOR % _SESSION_PRIME


def task_id_of_session(session: int) -> str:
    """Return the task of a session.

    Raises:
        ValueError: there is none.

    >>> task_id_of_session(session_of("bank/transfer/train/17"))
    'bank/transfer/train/17'
    """
    code = session * pow(_SESSION_FACTOR, -1, _SESSION_PRIME) % _SESSION_PRIME
    kind, index = divmod(code - 1, 10**7)
    place, split = divmod(kind, 2)
    world, template = divmod(place, 64)
    if world >= len(WORLDS) or template >= len(templates_of(WORLDS[world])):
        raise ValueError(f"there is no session {session}")
    name = templates_of(WORLDS[world])[template].name
    return f"{WORLDS[world]}/{name}/{SPLITS[split]}/{index}"


@lru_cache(maxsize=4096)
def scenario_of(task_id: str) -> Scenario:
    """Return the scenario of a task, which is never changed: a world is forked before a call."""
    template = parse_task_id(task_id)
    _, _, split, index = task_id.split("/")
    name = zlib.crc32(task_id.rsplit("/", 2)[0].encode())
    for attempt in range(64):
        seed = [name, SPLITS.index(split), int(index), attempt]
        scenario = template.make(np.random.default_rng(seed))
        if _split_of(scenario) == split:
            return scenario
    raise RuntimeError(f"the template {template.name!r} makes requests of one split only")


def _split_of(scenario: Scenario) -> str:
    return SPLITS[zlib.crc32(scenario.request.encode()) % len(SPLITS)]
