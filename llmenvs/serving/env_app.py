"""The web application that serves environments: the plain protocol, health and metrics.

    app = create_env_app([ServedEnv("llmenvs/GridWorld-v0", {})])

`llmenvs serve env` runs it; any ASGI server may.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from llmenvs.retrievers.optional import import_extra
from llmenvs.serving import protocol
from llmenvs.serving.endpoints import Endpoint, build_app
from llmenvs.serving.env_host import EnvHost, ServedEnv
from llmenvs.serving.env_service import EnvService
from llmenvs.serving.errors import problem
from llmenvs.serving.metrics import SessionMetrics
from llmenvs.serving.sessions import SessionLimits
from llmenvs.web_guard import Guard

OPEN_PATHS = ("/health",)


def create_env_app(
    envs: Sequence[ServedEnv],
    *,
    limits: SessionLimits | None = None,
    token: str | None = None,
    threads: int = 8,
    scripted_policies: bool = False,
    openenv: bool = False,
) -> Guard:
    """Return the ASGI application that serves ``envs``.

    Args:
        envs: at least one.
        limits: by default, see `SessionLimits`.
        token: the bearer token that every path but ``/health`` asks for; none by default.
        threads: environments that are stepped at a time.
        scripted_policies: whether ``/policy`` answers, whose oracle knows the answers.
        openenv: whether each environment is served by OpenEnv's protocol too, under `openenv_path`;
            its sessions live as long as their web socket, and as many may be open again.

    Raises:
        ValueError: an environment cannot be made.
        ImportError: ``openenv`` without that package.
    """
    limits = limits or SessionLimits()
    host = EnvHost(envs, scripted_policies=scripted_policies)
    metrics = SessionMetrics(lambda: len(service.sessions))
    service = EnvService(
        host,
        limits=limits,
        threads=threads,
        on_open=lambda session: metrics.opened.inc(),
        on_close=lambda session, why: metrics.closed.inc(),
    )

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        every_s = min(1.0, limits.idle_timeout_s / 4)
        reaper = asyncio.create_task(service.expire(every_s))
        yield
        reaper.cancel()
        await asyncio.to_thread(service.shut_down)

    app = build_app(
        env_endpoints(service, metrics),
        title="llmenvs environments",
        metrics=metrics,
        lifespan=lifespan,
        token_needed=token is not None,
    )
    if openenv:
        _mount_openenv(app, envs, max_sessions=limits.max_sessions)
    return Guard(
        app,
        token=token,
        open_paths=OPEN_PATHS,
        max_body_bytes=limits.max_body_bytes,
        body_timeout_s=limits.body_timeout_s,
        on_refusal=lambda status: metrics.count("refused", status),
        refusal=problem,
    )


def openenv_path(env_id: str) -> str:
    """Return where OpenEnv's protocol is served: ``/openenv/`` and the id's last part.

    >>> openenv_path("llmenvs/GridWorld-v0")
    '/openenv/GridWorld-v0'
    """
    return f"/openenv/{env_id.rpartition('/')[2]}"


def _mount_openenv(app: FastAPI, envs: Sequence[ServedEnv], *, max_sessions: int) -> None:
    integration: Any = import_extra("llmenvs.integrations.openenv", extra="openenv")
    paths = [openenv_path(served.env_id) for served in envs]
    if len(set(paths)) != len(paths):
        raise ValueError(f"OpenEnv's paths must differ, got {paths}")
    for path, served in zip(paths, envs, strict=True):
        server = integration.create_server(
            served.env_id, env_options=served.options, max_sessions=max_sessions
        )
        app.mount(path, server)


def env_endpoints(service: EnvService, metrics: SessionMetrics) -> list[Endpoint]:
    """Return the table of the plain protocol."""
    start, turn = protocol.EpisodeStart, protocol.StepReply
    session, batch = protocol.SessionRequest, protocol.BatchReply

    async def health() -> protocol.Health:
        return protocol.Health(env_ids=service.host.env_ids, num_sessions=len(service.sessions))

    async def envs() -> protocol.EnvList:
        return protocol.EnvList(envs=service.host.describe())

    async def text() -> bytes:
        return metrics.text()

    return [
        Endpoint(
            "/reset",
            "start an episode",
            service.reset,
            protocol.ResetRequest,
            start,
            (404, 409, 410, 503),
        ),
        Endpoint(
            "/step", "take a turn", service.step, protocol.StepRequest, turn, (404, 409, 410, 503)
        ),
        Endpoint(
            "/state",
            "look at a session",
            service.state,
            session,
            protocol.StateReply,
            (404, 410, 503),
        ),
        Endpoint("/close", "close a session", service.close, session, protocol.Closed),
        Endpoint(
            "/reset_batch",
            "start several episodes",
            service.reset_batch,
            protocol.ResetBatch,
            batch,
        ),
        Endpoint(
            "/step_batch", "take several turns", service.step_batch, protocol.StepBatch, batch
        ),
        Endpoint(
            "/snapshot",
            "keep where a session stands",
            service.snapshot,
            session,
            protocol.SnapshotReply,
            (404, 409, 410, 503),
        ),
        Endpoint(
            "/restore",
            "go back to a snapshot",
            service.restore,
            protocol.RestoreRequest,
            protocol.Restored,
            (404, 409, 410, 503),
        ),
        Endpoint(
            "/policy",
            "ask a scripted policy",
            service.act,
            protocol.PolicyRequest,
            protocol.PolicyReply,
            (404, 503),
        ),
        Endpoint("/envs", "what is served", envs, None, protocol.EnvList),
        Endpoint("/health", "whether the server answers", health, None, protocol.Health, open=True),
        Endpoint("/metrics", "counters, in Prometheus's format", text, None, None),
    ]
