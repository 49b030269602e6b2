"""The web application that serves one verifier: plain, and as the reward server of two trainers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from llmenvs.serving import verifier_protocol as protocol
from llmenvs.serving.endpoints import Endpoint, build_app
from llmenvs.serving.env_app import OPEN_PATHS
from llmenvs.serving.errors import ServiceError, problem
from llmenvs.serving.metrics import RequestMetrics
from llmenvs.serving.scorer import Scorer
from llmenvs.verifiers.registry import load_verifier
from llmenvs.verifiers.verdict import Verdict
from llmenvs.web_guard import Guard

END_TOKENS = (
    "</s>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "<eos>",
    "<｜end▁of▁sentence｜>",  # noqa: RUF001 (DeepSeek spells it so)
)
"""What ends a turn in common models; OpenRLHF leaves it in the query."""


@dataclass(frozen=True, slots=True)
class VerifierSettings:
    """How a verifier is served.

    Attributes:
        options: of its constructor.
        workers: processes to score in; 0 for threads of the server.
        timeout_s: wall seconds that a row may take in a worker.
        max_rows: of one request.
        max_body_bytes: of one request.
        body_timeout_s: seconds in which a body must have arrived.
        json_targets: whether a label or ground truth that is a string is read as JSON, for
            trainers whose data sets hold strings alone.
        end_tokens: are taken off the end of an OpenRLHF query.
    """

    options: Mapping[str, Any]
    workers: int = 2
    timeout_s: float = 60.0
    max_rows: int = 4096
    max_body_bytes: int = 64 * 2**20
    body_timeout_s: float = 30.0
    json_targets: bool = False
    end_tokens: Sequence[str] = END_TOKENS


def create_verifier_app(
    name: str, settings: VerifierSettings, *, token: str | None = None
) -> Guard:
    """Return the ASGI application that serves the verifier of that name.

    Args:
        name: as `load_verifier` takes it.
        settings: how it is served.
        token: the bearer token that every path but ``/health`` asks for; none by default.

    Raises:
        ValueError: there is no such verifier, or an option is wrong.
    """
    verifier = load_verifier(name, settings.options)
    scorer = Scorer(verifier, workers=settings.workers, timeout_s=settings.timeout_s)
    metrics = RequestMetrics("llmenvs_verifier")

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(scorer.close)

    app = build_app(
        verifier_endpoints(VerifierService(name, scorer, settings), metrics),
        title=f"llmenvs verifier {name}",
        metrics=metrics,
        lifespan=lifespan,
        token_needed=token is not None,
    )
    return Guard(
        app,
        token=token,
        open_paths=OPEN_PATHS,
        max_body_bytes=settings.max_body_bytes,
        body_timeout_s=settings.body_timeout_s,
        on_refusal=lambda status: metrics.count("refused", status),
        refusal=problem,
    )


class VerifierService:
    """The operations of the protocols."""

    def __init__(self, name: str, scorer: Scorer, settings: VerifierSettings) -> None:
        self._name = name
        self._scorer = scorer
        self._settings = settings

    async def score(self, request: protocol.ScoreRequest) -> protocol.ScoreReply:
        """Score one completion."""
        (verdict,) = await self._scorer.score([(request.completion, request.target)])
        return _reply(verdict)

    async def score_batch(self, request: protocol.ScoreBatchRequest) -> protocol.ScoreBatchReply:
        """Score many."""
        completions = request.completions
        targets = self._as_many("targets", request.targets, "completions", len(completions))
        verdicts = await self._scorer.score(list(zip(completions, targets, strict=True)))
        return protocol.ScoreBatchReply(verdicts=[_reply(verdict) for verdict in verdicts])

    async def openrlhf(self, request: protocol.OpenRLHFRequest) -> protocol.OpenRLHFReply:
        """Answer OpenRLHF."""
        count = len(request.query)
        prompts = self._as_many("prompts", request.prompts, "queries", count)
        labels = self._as_many("labels", request.labels, "queries", count)
        completions = [
            completion_of(query, prompt, end_tokens=self._settings.end_tokens)
            for query, prompt in zip(request.query, prompts, strict=True)
        ]
        targets = [self._target(label) for label in labels]
        verdicts = await self._scorer.score(list(zip(completions, targets, strict=True)))
        scores = [verdict.score for verdict in verdicts]
        told = None if scores == [None] else scores
        return protocol.OpenRLHFReply(
            rewards=told,
            scores=told,
            extra_logs={
                "success": [float(verdict.success is True) for verdict in verdicts],
                "undecided": [float(not verdict.decided) for verdict in verdicts],
            },
        )

    async def compute_score(self, request: protocol.VerlRequest) -> protocol.VerlReply:
        """Answer a reward function of verl."""
        target = self._target(request.ground_truth)
        (verdict,) = await self._scorer.score([(request.solution_str, target)])
        return protocol.VerlReply(
            score=verdict.score,
            acc=None if verdict.success is None else float(verdict.success),
            undecided=float(not verdict.decided),
            status=verdict.status.value,
            reason=verdict.reason,
        )

    async def health(self) -> protocol.VerifierHealth:
        """Say what is served."""
        return protocol.VerifierHealth(verifier=self._name, options=self._settings.options)

    def _as_many(
        self, name: str, values: Sequence[Any] | None, of: str, count: int
    ) -> Sequence[Any]:
        if count > self._settings.max_rows:
            raise ServiceError(
                422, "too_many_rows", f"{of} may be {self._settings.max_rows}, got {count}"
            )
        if values is None:
            return [None] * count
        if len(values) != count:
            raise ServiceError(
                422, "unequal_lists", f"{name} must be as many as {of}, got {len(values)}, {count}"
            )
        return values

    def _target(self, given: Any) -> Any:
        if not (self._settings.json_targets and isinstance(given, str)):
            return given
        try:
            return json.loads(given)
        except (ValueError, RecursionError) as error:
            raise ServiceError(
                422, "bad_target", f"a target must be JSON, got {given[:80]!r}: {error}"
            ) from error


def completion_of(query: str, prompt: str | None, *, end_tokens: Sequence[str]) -> str:
    """Return what the policy wrote of an OpenRLHF query.

    Args:
        query: the decoded tokens of prompt and completion.
        prompt: the text that was encoded; before it may stand a token such as ``<s>``.
        end_tokens: are taken off the end, as often as they stand there.

    Raises:
        ServiceError: the prompt does not stand at the start: where the completion begins cannot be
            told, and to score all of it would let the prompt's own words win.

    >>> completion_of("<s>1+1?2</s></s>", "1+1?", end_tokens=["</s>"])
    '2'
    """
    start = query.find(prompt or "")
    if start < 0 or not _is_special(query[:start]):
        raise ServiceError(
            422,
            "prompt_not_in_query",
            f"a query must begin with its prompt, got {query[:80]!r} for {prompt!r:.80}",
        )
    completion = query[start + len(prompt or "") :]
    ended = True
    while ended:
        ended = False
        for token in end_tokens:
            if token and completion.endswith(token):
                completion, ended = completion.removesuffix(token), True
    return completion


def verifier_endpoints(service: VerifierService, metrics: RequestMetrics) -> list[Endpoint]:
    """Return the table of the protocols."""

    async def text() -> bytes:
        return metrics.text()

    busy = (503,)
    rlhf_types = (protocol.OpenRLHFRequest, protocol.OpenRLHFReply)
    return [
        Endpoint(
            "/score",
            "score one completion",
            service.score,
            protocol.ScoreRequest,
            protocol.ScoreReply,
            busy,
        ),
        Endpoint(
            "/score_batch",
            "score many completions",
            service.score_batch,
            protocol.ScoreBatchRequest,
            protocol.ScoreBatchReply,
            busy,
        ),
        Endpoint("/get_reward", "the protocol of OpenRLHF", service.openrlhf, *rlhf_types, busy),
        Endpoint(
            "/compute_score",
            "the reward function of verl",
            service.compute_score,
            protocol.VerlRequest,
            protocol.VerlReply,
            busy,
        ),
        Endpoint(
            "/health", "what is served", service.health, None, protocol.VerifierHealth, open=True
        ),
        Endpoint("/metrics", "counters, in Prometheus's format", text, None, None),
    ]


def _is_special(text: str) -> bool:
    """Whether what stands before the prompt can be a special token: short, and in brackets."""
    return not text or (len(text) <= 64 and text[0] in "<[" and text[-1] in ">]")


def _reply(verdict: Verdict) -> protocol.ScoreReply:
    return protocol.ScoreReply(**verdict.to_dict())
