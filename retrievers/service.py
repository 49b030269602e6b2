"""A retriever as a web service that speaks Search-R1's protocol.

``POST /retrieve`` takes ``{"queries": [str, ...], "topk": int | null, "return_scores": bool}`` and
answers ``{"result": [[{"document": {"id", "contents"}, "score": float}, ...], ...]}``, or, without
scores, ``{"result": [[{"id", "contents"}, ...], ...]}``: a list for each query, in order. Contents
are the title in quotation marks, a line break, the text. ``GET /health`` says what is served, and
``GET /metrics`` counts, in Prometheus's format.

Searches run on a few threads beside the event loop, so that health is answered under load. What
exceeds a limit is refused (status 413 or 422) with a sentence that says which; more requests than
may wait are turned away (503), which clients retry.

Source: the request and response of Search-R1 (Jin et al., 2025), ``retrieval_server.py``.
"""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import BaseModel, ValidationError

from llmenvs.retrievers.corpus import format_contents
from llmenvs.retrievers.encoders import well_formed
from llmenvs.retrievers.retriever import Hit, Retriever

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request, and all of them, may ask for.

    Attributes:
        max_queries: queries a request.
        max_query_chars: characters a query.
        max_k: hits a query.
        max_body_bytes: bytes a request.
        max_waiting: requests that are searched or wait for it; more are turned away.

    Raises:
        ValueError: a limit is below 1.
    """

    max_queries: int = 1024
    max_query_chars: int = 200_000
    max_k: int = 1000
    max_body_bytes: int = 64 * 2**20
    max_waiting: int = 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(
                    f"{field.name} must be at least 1, got {getattr(self, field.name)}"
                )


class RetrieveRequest(BaseModel):
    """Search-R1's request."""

    queries: list[str]
    topk: int | None = None
    return_scores: bool = False


class _Metrics:
    """The service's counters, in a registry of their own: several services fit one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "llmenvs_retrieve_requests", "Requests, by status", ["status"], registry=self.registry
        )
        self.queries = Counter(
            "llmenvs_retrieve_queries", "Queries that were answered", registry=self.registry
        )
        self.seconds = Histogram(
            "llmenvs_retrieve_seconds", "Time to answer a request", registry=self.registry
        )
        self.waiting = Gauge(
            "llmenvs_retrieve_waiting", "Requests under way", registry=self.registry
        )


class RetrieveService:
    """The parts of the application that `create_app` wires up."""

    def __init__(
        self,
        retriever: Retriever,
        *,
        default_k: int,
        limits: ServiceLimits,
        token: str | None,
        search_threads: int,
    ) -> None:
        self.retriever = retriever
        self.limits = limits
        self.metrics = _Metrics()
        self.executor = ThreadPoolExecutor(search_threads, thread_name_prefix="search")
        self._default_k = default_k
        self._token = token
        self._waiting = 0

    async def retrieve(self, request: Request) -> Response:
        """Answer ``POST /retrieve``."""
        began = time.perf_counter()
        try:
            response = await self._answer(request)
        except HTTPException as error:
            self.metrics.requests.labels(str(error.status_code)).inc()
            raise
        self.metrics.requests.labels(str(response.status_code)).inc()
        self.metrics.seconds.observe(time.perf_counter() - began)
        return response

    def authorize(self, request: Request) -> None:
        """Refuse a request without the bearer token, if there is one."""
        if self._token is None:
            return
        given = request.headers.get("authorization", "")
        expected = f"Bearer {self._token}"
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise HTTPException(401, "a bearer token is required", {"www-authenticate": "Bearer"})

    async def _answer(self, request: Request) -> Response:
        asked = self._checked(_parse(await self._body(request)))
        k = asked.topk or self._default_k  # Search-R1 takes 0 for its default, too
        if self._waiting >= self.limits.max_waiting:
            raise HTTPException(503, f"{self._waiting} requests wait already")
        self._waiting += 1
        self.metrics.waiting.set(self._waiting)
        try:
            body = await asyncio.get_running_loop().run_in_executor(
                self.executor, self._search, asked, k
            )
        except Exception as error:  # a retriever that fails is the server's fault, and is logged
            _log.exception("a search of %d queries failed", len(asked.queries))
            raise HTTPException(500, f"the search failed: {type(error).__name__}") from error
        finally:
            self._waiting -= 1
            self.metrics.waiting.set(self._waiting)
        self.metrics.queries.inc(len(asked.queries))
        return Response(body, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        limit = self.limits.max_body_bytes
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > limit:
                raise HTTPException(413, f"a request may have {limit} bytes")
        return bytes(body)

    def _checked(self, asked: RetrieveRequest) -> RetrieveRequest:
        limits = self.limits
        longest = max(map(len, asked.queries), default=0)
        k = asked.topk or 0
        if len(asked.queries) > limits.max_queries:
            raise HTTPException(
                422, f"a request may have {limits.max_queries} queries, got {len(asked.queries)}"
            )
        if longest > limits.max_query_chars:
            raise HTTPException(
                422, f"a query may have {limits.max_query_chars} characters, got {longest}"
            )
        if not 0 <= k <= limits.max_k:
            raise HTTPException(422, f"topk must be in [0, {limits.max_k}], got {k}")
        return asked

    def _search(self, asked: RetrieveRequest, k: int) -> bytes:
        results = self.retriever.search(asked.queries, k)
        return encode_result(results, return_scores=asked.return_scores)


def create_app(
    retriever: Retriever,
    *,
    default_k: int = 3,
    limits: ServiceLimits | None = None,
    token: str | None = None,
    search_threads: int = 1,
    description: dict[str, Any] | None = None,
) -> FastAPI:
    """Return the web application that serves ``retriever``.

    Args:
        retriever: what is asked.
        default_k: hits a query where a request does not say.
        limits: by default, see `ServiceLimits`.
        token: the bearer token that ``/retrieve`` and ``/metrics`` ask for; none by default.
        search_threads: searches at a time; more than one only helps a retriever that leaves the
            interpreter's lock, as FAISS does.
        description: added to what ``/health`` answers.
    """
    service = RetrieveService(
        retriever,
        default_k=default_k,
        limits=limits or ServiceLimits(),
        token=token,
        search_threads=search_threads,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.executor.shutdown(wait=True)

    app = FastAPI(title="llmenvs retrieval", lifespan=lifespan)
    authorized = [Depends(service.authorize)]

    schema = RetrieveRequest.model_json_schema()
    content = {"application/json": {"schema": schema}}

    @app.post(
        "/retrieve",
        dependencies=authorized,
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def retrieve(request: Request) -> Response:
        return await service.retrieve(request)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", **(description or {})}

    @app.get("/metrics", dependencies=authorized)
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type="text/plain")

    return app


def encode_result(results: Sequence[Sequence[Hit]], *, return_scores: bool) -> bytes:
    """Return Search-R1's response as JSON, in ASCII so that lone surrogates survive."""
    entry = _scored if return_scores else _document
    return json.dumps({"result": [[entry(hit) for hit in hits] for hits in results]}).encode()


def _scored(hit: Hit) -> dict[str, Any]:
    return {"document": _document(hit), "score": hit.score}


def _document(hit: Hit) -> dict[str, Any]:
    return {"id": hit.passage_id, "contents": format_contents(hit.title, hit.text)}


def _parse(body: bytes) -> RetrieveRequest:
    """Return the request in ``body``; lone surrogates in its queries become U+FFFD."""
    try:
        fields_given = json.loads(body)
        if isinstance(fields_given, dict) and isinstance(fields_given.get("queries"), list):
            fields_given["queries"] = [
                well_formed(query) if isinstance(query, str) else query
                for query in fields_given["queries"]
            ]
        return RetrieveRequest.model_validate(fields_given)
    except ValidationError as error:
        details = json.loads(error.json(include_url=False, include_input=False))
        raise HTTPException(422, details) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"the request is no valid JSON: {error}") from error
