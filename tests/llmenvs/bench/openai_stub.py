"""A local OpenAI-compatible server that answers from a script, in a process of its own.

    python openai_stub.py --script '[{"kind": "ok", "latency_s": 0.1}]'

It prints its port. The script is a list of behaviours, one for each request in the order in which
they come, the last one for all further ones; a behaviour is ``{"kind": …, …}``, see `KINDS`. GET
``/seen`` returns the bodies of the requests so far, and how many were open at once.
"""

import argparse
import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse

Behaviour = dict[str, Any]


def message(body: dict[str, Any], asked: Behaviour) -> dict[str, Any]:
    """Return what the assistant says, by the script."""
    said: dict[str, Any] = {"role": "assistant", "content": asked.get("content", "up")}
    if "tool_calls" in asked:
        said["tool_calls"] = [
            {"id": f"c{index}", "type": "function", "function": call}
            for index, call in enumerate(asked["tool_calls"])
        ]
    if "reasoning" in asked:
        said["reasoning_content"] = asked["reasoning"]
    return said


def completion(body: dict[str, Any], asked: Behaviour) -> dict[str, Any]:
    """Return a whole reply."""
    choice = {
        "index": 0,
        "message": message(body, asked),
        "finish_reason": asked.get("finish_reason", "stop"),
    }
    reply: dict[str, Any] = {"id": "x", "object": "chat.completion", "choices": [choice]}
    if asked.get("usage", True):
        reply["usage"] = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    return reply


async def events(body: dict[str, Any], asked: Behaviour) -> AsyncIterator[str]:
    """Yield a reply in pieces, or its beginning where the stream is to break."""
    said = message(body, asked)
    content = said["content"] or ""
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if "reasoning_content" in said:
        pieces.append({"reasoning_content": said["reasoning_content"]})
    pieces += [{"content": letter} for letter in content]
    for index, call in enumerate(said.get("tool_calls", [])):
        function = call["function"]
        half = len(function["arguments"]) // 2
        for part in (
            {"name": function["name"], "arguments": function["arguments"][:half]},
            {"arguments": function["arguments"][half:]},
        ):
            pieces.append({"tool_calls": [{"index": index, "function": part}]})
    for piece in pieces:
        yield f"data: {json.dumps({'choices': [{'index': 0, 'delta': piece}]})}\n\n"
    if asked["kind"] == "broken_stream":
        yield 'data: {"choices": [{"ind'
        return
    if asked["kind"] == "half_stream":
        return
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield f"data: {json.dumps(end)}\n\n"
    if asked.get("usage", True):
        usage = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}}
        yield f": a comment\ndata: {json.dumps(usage)}\n\n"
    yield "data: [DONE]\n\n"


async def ok(request: Request, body: dict[str, Any], asked: Behaviour) -> Response:
    await asyncio.sleep(asked.get("latency_s", 0.0))
    if body.get("stream"):
        return StreamingResponse(events(body, asked), media_type="text/event-stream")
    return JSONResponse(completion(body, asked))


async def status(request: Request, body: dict[str, Any], asked: Behaviour) -> Response:
    headers = {"Retry-After": asked["retry_after"]} if "retry_after" in asked else {}
    text = asked.get("text", "no").replace(
        "{authorization}", request.headers.get("authorization", "")
    )
    return PlainTextResponse(text, status_code=asked["status"], headers=headers)


async def html(request: Request, body: dict[str, Any], asked: Behaviour) -> Response:
    return HTMLResponse(
        "<!doctype html><title>Welcome</title>", status_code=asked.get("status", 200)
    )


async def text(request: Request, body: dict[str, Any], asked: Behaviour) -> Response:
    return Response(asked["text"], media_type="application/json")


KINDS: dict[str, Callable[[Request, dict[str, Any], Behaviour], Awaitable[Response]]] = {
    "ok": ok,
    "broken_stream": ok,
    "half_stream": ok,
    "status": status,
    "html": html,
    "text": text,
}


def make_app(script: list[Behaviour]) -> FastAPI:
    """Return the server."""
    app = FastAPI()
    seen: list[dict[str, Any]] = []
    open_now = most_open = 0

    @app.post("/v1/chat/completions")
    async def answer(request: Request) -> Response:
        nonlocal open_now, most_open
        asked = script[min(len(seen), len(script) - 1)]
        body = json.loads(await request.body())
        seen.append(body)
        open_now += 1
        most_open = max(most_open, open_now)
        try:
            return await KINDS[asked["kind"]](request, body, asked)
        finally:
            open_now -= 1

    @app.put("/script")
    async def start_over(request: Request) -> None:
        nonlocal script, most_open
        script, most_open = json.loads(await request.body()), 0
        seen.clear()

    @app.get("/seen")
    async def requests() -> dict[str, Any]:
        return {"requests": seen, "most_open": most_open}

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", default='[{"kind": "ok"}]', help="as JSON")
    args = parser.parse_args()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(listener.getsockname()[1], flush=True)  # noqa: T201 (how the test learns the port)
    config = uvicorn.Config(
        make_app(json.loads(args.script)), log_level="error", access_log=False, backlog=2048
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
