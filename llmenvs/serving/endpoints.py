"""From a table of endpoints to a FastAPI application and its OpenAPI document.

Routes are Starlette's own and bodies are read by msgspec, which costs a fifth of what FastAPI's
request handling does; the document is made from the same types. JSON is Python's, in ASCII: a lone
surrogate, which a policy may well write, survives it, and nothing else would take it.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from llmenvs.serving.errors import ServiceError, problem
from llmenvs.serving.metrics import RequestMetrics
from llmenvs.serving.protocol import Problem

logger = logging.getLogger(__name__)

_JSON = "application/json"
_CLIENT_GONE = 499
"""How a request is counted whose client went away before its body was whole, as nginx has it."""
_REFERENCE = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of an application.

    Attributes:
        path: with a slash before it.
        summary: one line for the document.
        handler: from the request, or from nothing for a GET, to the reply.
        request: the type of the body; None for a GET.
        reply: the type of the answer; None for plain text.
        refusals: the statuses of a `Problem` that it may answer, beside those of every endpoint.
        open: whether it needs no token.
    """

    path: str
    summary: str
    handler: Callable[..., Awaitable[Any]]
    request: type[Any] | None
    reply: type[Any] | None
    refusals: Sequence[int] = ()
    open: bool = False

    @property
    def method(self) -> str:
        """GET or POST."""
        return "GET" if self.request is None else "POST"


def build_app(
    endpoints: Sequence[Endpoint],
    *,
    title: str,
    metrics: RequestMetrics,
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]],
    token_needed: bool,
) -> FastAPI:
    """Return the application that answers ``endpoints``."""
    app = FastAPI(
        title=title,
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    routes = [
        Route(endpoint.path, _answering(endpoint, metrics), methods=[endpoint.method])
        for endpoint in endpoints
    ]
    for route in routes:
        route.methods = (route.methods or set()) - {"HEAD"}  # which Starlette adds to a GET
    app.router.routes[:0] = routes  # before FastAPI's own: they are tried in order
    document = openapi_of(endpoints, title=title, token_needed=token_needed)
    app.openapi = lambda: document  # type: ignore[method-assign]  # as FastAPI's documentation does
    return app


def openapi_of(endpoints: Sequence[Endpoint], *, title: str, token_needed: bool) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of ``endpoints``."""
    types = [t for e in endpoints for t in (e.request, e.reply) if t is not None]
    _, components = msgspec.json.schema_components({*types, Problem}, ref_template=_REFERENCE)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": {e.path: {e.method.lower(): _operation(e, token_needed)} for e in endpoints},
        "components": {"schemas": components},
    }
    if token_needed:
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return document


def _operation(endpoint: Endpoint, token_needed: bool) -> dict[str, Any]:  # noqa: FBT001
    guarded = token_needed and not endpoint.open
    statuses = {*endpoint.refusals, *((408, 413, 422, 500) if endpoint.request else ())}
    statuses |= {401} if guarded else set()
    content = (
        {"text/plain": {"schema": {"type": "string"}}}
        if endpoint.reply is None
        else {_JSON: {"schema": _schema(endpoint.reply)}}
    )
    responses: dict[str, Any] = {"200": {"description": "done", "content": content}}
    refused = {"description": "not done", "content": {_JSON: {"schema": _schema(Problem)}}}
    responses |= {str(status): refused for status in sorted(statuses)}
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.path.strip("/").replace("/", "_") or "root",
        "responses": responses,
    }
    if endpoint.request is not None:
        body = {_JSON: {"schema": _schema(endpoint.request)}}
        operation["requestBody"] = {"required": True, "content": body}
    if guarded:
        operation["security"] = [{"bearer": []}]
    return operation


def _schema(kind: type[Any]) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    return schema


def _answering(
    endpoint: Endpoint, metrics: RequestMetrics
) -> Callable[[Request], Awaitable[Response]]:
    handler, kind, path = endpoint.handler, endpoint.request, endpoint.path

    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        status = 500
        try:
            if kind is None:
                reply = await handler()
            else:
                reply = await handler(read_request(await _body(request), kind))
            status = 200
            return _respond(reply)
        except ServiceError as error:
            status = error.status
            return _respond(problem(status, error.detail, error.error), status=status)
        except HTTPException as error:
            status = error.status_code
            raise
        except ClientDisconnect:
            status = _CLIENT_GONE
            return Response(status_code=400)  # nobody reads it
        finally:
            metrics.count(path, status, time.perf_counter() - began)

    return answer


async def _body(request: Request) -> bytes:
    content_type = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if content_type != _JSON:
        raise ServiceError(422, "not_json", f"the body must be {_JSON}, got {content_type!r}")
    return await request.body()


def read_request(body: bytes, kind: type[Any]) -> Any:
    """Return the request of type ``kind`` in a JSON body.

    Raises:
        ServiceError: it is no JSON, or not of that type; the message says where.
    """
    try:
        return msgspec.convert(json.loads(body, parse_constant=_no_constant), kind)
    except msgspec.ValidationError as error:
        raise ServiceError(422, "invalid_request", str(error)) from error
    except (ValueError, RecursionError) as error:
        detail = f"the request is no valid JSON: {error}"
        raise ServiceError(422, "not_json", detail) from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not in JSON")


def _respond(reply: Any, *, status: int = 200) -> Response:
    if isinstance(reply, bytes):
        return Response(reply, media_type="text/plain", status_code=status)
    content = json.dumps(msgspec.to_builtins(reply, enc_hook=_plain), allow_nan=False)
    return Response(content.encode(), media_type=_JSON, status_code=status)


def _plain(value: Any) -> Any:
    """Return what an info may hold beside JSON's own types: NumPy's numbers and arrays."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"an info must be JSON, got {type(value).__name__}: {value!r:.80}")


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what never reached an endpoint, such as an unknown path."""
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it alone)
    response = _respond(problem(error.status_code, str(error.detail)), status=error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:
    """Answer for a fault of the server's own, which Starlette logs."""
    return _respond(problem(500, f"the server failed: {type(error).__name__}"), status=500)
