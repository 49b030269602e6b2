"""Questions that a turn puts to a service which many episodes share, such as a retriever.

An environment says in `TextEnv.plan_lookup` what a turn will ask, and asks it in ``take_turn`` with
`look_up`. Played alone, that is one question to the service. A rollout plans the lookups of all
waiting episodes first, asks each service once for all of them, and has the answers at hand while it
steps: `look_up` then finds its answer there. What was not planned (a wrapper changed the action) is
asked on its own, so that planning decides the speed and never the outcome.
"""

import asyncio
import logging
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

logger = logging.getLogger(__name__)


class LookupService(Protocol):
    """Answers many questions in one call; hashable: lookups of equal services go together."""

    def __call__(self, questions: Sequence[Any]) -> Sequence[Any]:
        """Return one answer for each question, in order.

        A failure through no fault of the questions is an answer too, which the environment makes an
        undecided turn of.
        """
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Lookup:
    """One question to a service.

    Attributes:
        service: whom to ask.
        question: what; equal questions of a batch are asked once.
    """

    service: LookupService
    question: Hashable


Answers = Mapping[Lookup, Any]

_at_hand: ContextVar[Answers] = ContextVar("llmenvs_answers_at_hand")


def look_up(lookup: Lookup) -> Any:
    """Return the answer that is at hand, or else ask for it now."""
    answers = _at_hand.get({})
    return answers[lookup] if lookup in answers else lookup.service([lookup.question])[0]


@contextmanager
def answers_at_hand(answers: Answers) -> Iterator[None]:
    """Let `look_up` find ``answers`` while the block runs, in this thread or task alone."""
    token = _at_hand.set(answers)
    try:
        yield
    finally:
        _at_hand.reset(token)


def ask_all(lookups: Iterable[Lookup]) -> dict[Lookup, Any]:
    """Ask each service once for all of its questions, and return the answers.

    What a service that raised was asked has no answer: each turn asks it again on its own, and
    meets the error where it is recorded.

    >>> shout = lambda words: [word.upper() for word in words]
    >>> [*ask_all([Lookup(shout, "hi"), Lookup(shout, "you"), Lookup(shout, "hi")]).values()]
    ['HI', 'YOU']
    """
    questions: dict[LookupService, dict[Hashable, None]] = {}
    for lookup in lookups:
        questions.setdefault(lookup.service, {})[lookup.question] = None
    answers: dict[Lookup, Any] = {}
    for service, asked in questions.items():
        try:
            found = service(list(asked))
            answers |= {Lookup(service, q): a for q, a in zip(asked, found, strict=True)}
        except Exception as error:
            logger.warning("a lookup of %d questions failed: %r", len(asked), error)
    return answers


class LookupQueue:
    """Asks for the tasks of one event loop: what gathers while a service answers goes out as one.

    A call runs in a thread. There is no timer: the first lookup waits only for those of tasks that
    were ready to run before it was made.
    """

    def __init__(self) -> None:
        self._waiting: dict[LookupService, list[tuple[Lookup, asyncio.Future[Answers]]]] = {}
        self._workers: dict[LookupService, asyncio.Task[None]] = {}

    async def ask(self, lookup: Lookup) -> Answers:
        """Return the answers of the call that ``lookup`` was in, its own among them."""
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(lookup.service, []).append((lookup, future))
        if lookup.service not in self._workers:
            self._workers[lookup.service] = asyncio.create_task(self._work(lookup.service))
        return await future

    async def _work(self, service: LookupService) -> None:
        try:
            while batch := self._waiting.pop(service, []):
                answers = await asyncio.to_thread(ask_all, [lookup for lookup, _ in batch])
                for _, future in batch:
                    if not future.done():  # its task may have been cancelled meanwhile
                        future.set_result(answers)
        finally:
            del self._workers[service]
