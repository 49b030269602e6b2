"""Score a stream of rows on a Ray cluster: in order, in bounded memory, each row once.

Rows go to actors in batches, two at a time to each, and a bounded number ahead of what was handed
out: the `Backlog` is that of the worker processes of one machine. A batch counts when its reply is
here. Ray gives the batches of an actor that was lost to its successor; a batch that is lost again
and again goes out row by row, so that only the row at fault is given up, as an error.

Why actors and not Ray Data: its actor pool starts a pipeline's lost actor again without end, so
that one row which kills its process stops a run for good, and a block that is given up loses all of
its rows; it needs all input before it starts, while these rows are a stream that the caller reads
and may take up in the middle.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import cloudpickle  # type: ignore[import-untyped]  # it has no type information

from llmenvs.engines.ray_cluster import ClusterError, Node, nodes_of, ray_cluster
from llmenvs.engines.ray_scorer import ProcessScorer, Reply, ThreadScorer
from llmenvs.verifiers.backlog import Backlog, Row
from llmenvs.verifiers.judge import describe
from llmenvs.verifiers.scoring import TIMEOUT_S
from llmenvs.verifiers.verdict import Verdict, Verifier
from llmenvs.verifiers.worker_pool import pickle_verifier
from llmenvs.verifiers.worker_protocol import decode_verdict

logger = logging.getLogger(__name__)

BATCH_S = 0.25
MAX_BATCH_ROWS = 1024
MAX_REDONE = 3
"""How often Ray redoes a batch whose actor is lost, before its rows go out one by one."""
_IN_FLIGHT = 2  # batches of an actor: it need not wait for us in between
_PATIENCE_S = 60.0  # without any sign of an actor, before it is said what is waited for


def score_on_ray(
    verifier: Verifier,
    rows: Iterable[tuple[str, Any]],
    *,
    address: str | None = None,
    workers: int | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Verdict]:
    """Yield the verdict of each (completion, target) in order; the same as `score_stream`.

    A verifier that says ``blocking``, as `CodeVerifier` does, is scored by one actor on each node,
    which holds the node's pool of sandboxes; any other by ``workers`` actors of one CPU each.

    Args:
        verifier: must pickle by cloudpickle, and what it needs must be installed on the nodes.
        rows: read as they are needed, a bounded number ahead.
        address: of a cluster, see `ray_cluster`; None starts one here.
        workers: actors, at least 1; by default one for each CPU of the cluster. A cluster that is
            started here gets as many CPUs.
        timeout_s: wall time of one row, over 0; see `score_stream`.

    Raises:
        ValueError: a number is out of range, or the verifier does not pickle.
        ClusterError: the cluster is not there, its nodes lack llmenvs, or a node cannot load the
            verifier.
        ModuleNotFoundError: Ray is not installed.
    """
    if (workers is not None and workers < 1) or not timeout_s > 0:
        raise ValueError(f"need workers >= 1 and timeout_s > 0, got {workers=} and {timeout_s=}")
    try:
        pickled = pickle_verifier(verifier)
    except Exception as error:
        raise ValueError(
            f"the verifier must pickle to reach the nodes, got {describe(error)}"
        ) from error
    return _score(verifier, pickled, rows, address=address, workers=workers, timeout_s=timeout_s)


def _score(
    verifier: Verifier,
    pickled: bytes,
    rows: Iterable[tuple[str, Any]],
    *,
    address: str | None,
    workers: int | None,
    timeout_s: float,
) -> Iterator[Verdict]:
    with ray_cluster(address, num_cpus=workers if address is None else None) as ray:
        nodes = [node for node in nodes_of(ray) if node.num_cpus]
        if not nodes:
            raise ClusterError("no node of the cluster has a CPU for Ray to use")
        least_rows = 1
        if getattr(verifier, "blocking", False):
            least_rows = max(_threads_of(node) for node in nodes)
            actors = [_thread_scorer(ray, pickled, node) for node in nodes]
        else:
            count = workers or sum(node.num_cpus for node in nodes)
            actors = [_process_scorer(ray, pickled, timeout_s) for _ in range(count)]
        crew = _Crew(ray, actors, least_rows=least_rows)
        try:
            yield from crew.score(Backlog(rows))
        finally:
            crew.end()


def _process_scorer(ray: Any, pickled: bytes, timeout_s: float) -> Any:
    return (
        ray.remote(ProcessScorer)
        .options(
            num_cpus=1,
            scheduling_strategy="SPREAD",
            max_restarts=-1,
            max_task_retries=MAX_REDONE,
        )
        .remote(pickled, timeout_s=timeout_s)
    )


def _thread_scorer(ray: Any, pickled: bytes, node: Node) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return (
        ray.remote(ThreadScorer)
        .options(
            num_cpus=1,
            # Soft: where the node is gone for good, the rows are scored on another.
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=True),
            max_restarts=-1,
            max_task_retries=MAX_REDONE,
            max_concurrency=_IN_FLIGHT,  # so that no thread waits for the last row of a batch
        )
        .remote(pickled, num_threads=_threads_of(node))
    )


def _threads_of(node: Node) -> int:
    return max(2, node.num_cpus)


class _Batch(NamedTuple):
    """Rows under way."""

    rows: list[Row]
    actor: int


class _Crew:
    """The actors of one pass and what they are at.

    Args:
        ray: the module.
        actors: at least one.
        least_rows: of a batch: as many as an actor scores at once.
    """

    def __init__(self, ray: Any, actors: list[Any], *, least_rows: int) -> None:
        self._ray = ray
        self._least_rows = least_rows
        self._actors = actors
        # An actor for which there is no CPU yet gets no rows, which would hold up all others.
        self._starting = {actor.__ray_ready__.remote(): i for i, actor in enumerate(actors)}
        self._load: dict[int, int] = {}  # batches that each one has that has started
        self._under_way: dict[Any, _Batch] = {}
        self._row_s: float | None = None  # running mean of the time that a row takes

    def score(self, backlog: Backlog) -> Iterator[Verdict]:
        """Yield the verdicts in order."""
        while not backlog.done:
            self._dispatch(backlog)
            self._collect(backlog)
            yield from backlog.settled()

    def end(self) -> None:
        """End the actors, at work or not."""
        for actor in self._actors:
            self._ray.kill(actor)

    def _dispatch(self, backlog: Backlog) -> None:
        while self._load:
            actor = min(self._load, key=self._load.__getitem__)
            if self._load[actor] >= _IN_FLIGHT:
                return
            rows = backlog.take(self._batch_rows())
            if not rows:
                return
            try:
                body = cloudpickle.dumps([(row.completion, row.target) for row in rows])
            except Exception as error:
                backlog.isolate(rows, f"the target does not pickle: {describe(error)}")
                continue
            self._under_way[self._actors[actor].score.remote(body)] = _Batch(rows, actor)
            self._load[actor] += 1

    def _batch_rows(self) -> int:
        if self._row_s is None:
            return self._least_rows
        rows = int(BATCH_S / max(self._row_s, 1e-9))
        return min(max(rows, self._least_rows), MAX_BATCH_ROWS)

    def _collect(self, backlog: Backlog) -> None:
        waited = [*self._under_way, *self._starting]
        if not self._under_way and self._load:
            return
        done, _ = self._ray.wait(waited, num_returns=1, timeout=_PATIENCE_S)
        if not done:
            self._say_what_is_missing()
        for reference in done:
            if reference in self._starting:
                self._start(reference)
                continue
            batch = self._under_way.pop(reference)
            self._load[batch.actor] -= 1
            try:
                reply: Reply = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                backlog.isolate(batch.rows, f"its node was lost over and over: {_name(error)}")
            else:
                self._settle(batch.rows, reply, backlog)

    def _start(self, reference: Any) -> None:
        actor = self._starting.pop(reference)
        try:
            self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            raise ClusterError(f"a scoring actor does not start: {error}") from error
        self._load[actor] = 0

    def _say_what_is_missing(self) -> None:
        free = self._ray.available_resources().get("CPU", 0.0)
        logger.warning(
            "nothing came for %g s: %d of %d actors have not started, and %g CPUs are free",
            _PATIENCE_S,
            len(self._starting),
            len(self._actors),
            free,
        )

    def _settle(self, rows: list[Row], reply: Reply, backlog: Backlog) -> None:
        if reply.failed:
            raise ClusterError(reply.failed)
        if reply.unreadable:
            backlog.isolate(rows, f"the target does not unpickle: {reply.unreadable}")
            return
        backlog.settle(rows, [decode_verdict(fields) for fields in json.loads(reply.verdicts)])
        row_s = reply.seconds / len(rows)
        self._row_s = row_s if self._row_s is None else (self._row_s + row_s) / 2


def _name(error: BaseException) -> str:
    return type(error).__name__
