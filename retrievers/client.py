"""`HTTPRetriever`: the client of a Search-R1 retrieval server, theirs or ours.

It sends ``POST {url}`` with ``{"queries": [...], "topk": k, "return_scores": true}`` and reads
``{"result": [[{"document": {"id", "contents"}, "score"}, ...], ...]}``; a document may bring its
``title`` and ``text`` instead of ``contents``, and may lack an id, as those of Search-R1's BM25
server do.

A server that is away, overloaded or restarting is asked again, at growing intervals, for as long as
``retry_for_s``; then, or at once where asking again cannot help, `RetrieverError` says what it
answered. An answer is taken only if it is whole: a result for each query, in the right shape.
"""

import hashlib
import json
import math
import ssl
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from llmenvs.retrievers.batching import Batcher
from llmenvs.retrievers.corpus import parse_contents
from llmenvs.retrievers.encoders import well_formed
from llmenvs.retrievers.optional import import_extra
from llmenvs.retrievers.retriever import Hit, RetrieverError, check_search

if TYPE_CHECKING:
    import httpx

_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class RefusedError(RetrieverError):
    """The server understood a request and will not answer it, however often it is asked."""


class HTTPRetriever:
    """A retriever behind a URL; thread-safe, and to be closed, or used in a ``with`` block.

    Calls that are made while others are under way share requests: at most ``max_connections``
    requests are open at a time, and what has gathered meanwhile goes out as one.

    Args:
        url: of the endpoint, such as ``http://127.0.0.1:8000/retrieve``.
        timeout_s: seconds that one request may take.
        retry_for_s: seconds for which a request that failed is made again; 0 for never.
        max_connections: requests that are open at once, each over a connection that is kept.
        max_batch: queries that are sent in one request.
        token: sent as a bearer token, if given.

    Raises:
        ValueError: an argument is out of its range.
        ImportError: httpx is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 30.0,
        retry_for_s: float = 60.0,
        max_connections: int = 8,
        max_batch: int = 256,
        token: str | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"url must begin with http:// or https://, got {url!r}")
        if timeout_s <= 0 or retry_for_s < 0 or max_connections < 1 or max_batch < 1:
            raise ValueError(
                "need timeout_s > 0, retry_for_s >= 0, max_connections >= 1 and max_batch >= 1, "
                f"got {timeout_s=}, {retry_for_s=}, {max_connections=} and {max_batch=}"
            )
        self.url = url
        self._retry_for_s = retry_for_s
        self._httpx = import_extra("httpx", extra="search")
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self._client: httpx.Client = self._httpx.Client(
            headers=headers,
            timeout=timeout_s,
            limits=self._httpx.Limits(
                max_connections=max_connections, max_keepalive_connections=max_connections
            ),
            verify=_tls_context(),
            trust_env=False,  # a proxy from the environment must not see what stays on this machine
        )
        self._batcher: Batcher[list[Hit]] = Batcher(
            self._request,
            max_batch=max_batch,
            max_running=max_connections,
            refusal=RefusedError,
        )
        self._remake = partial(
            HTTPRetriever,
            url,
            timeout_s=timeout_s,
            retry_for_s=retry_for_s,
            max_connections=max_connections,
            max_batch=max_batch,
            token=token,
        )

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Return for each query its at most ``k`` best hits, in the server's order.

        Raises:
            ValueError: ``k`` is below 1, or ``queries`` is a single string.
            RetrieverError: no whole answer came in time.
            RefusedError: a `RetrieverError`; the server refused the request.
        """
        check_search(queries, k)
        return self._batcher.run([well_formed(query) for query in queries], k)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> "HTTPRetriever":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> "tuple[partial[HTTPRetriever], tuple[()]]":
        # Connections stay in their process; the other one opens its own.
        return (self._remake, ())

    def _request(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Send one request, again while that may help, and return its results."""
        body = json.dumps({"queries": list(queries), "topk": k, "return_scores": True})
        give_up_at = time.monotonic() + self._retry_for_s
        pause_s = _FIRST_PAUSE_S
        while True:
            failure, response = self._send(body.encode())
            if failure is None and response is not None:
                return _parse(response.content, queries, k, self.url)
            if time.monotonic() + pause_s > give_up_at:
                raise RetrieverError(
                    f"{self.url} gave no answer in {self._retry_for_s:g} s; at last: {failure}"
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _send(self, body: bytes) -> "tuple[str | None, httpx.Response | None]":
        """Return why to try again, or the response."""
        try:
            response: httpx.Response = self._client.post(self.url, content=body)
        except self._httpx.TransportError as error:
            return f"{type(error).__name__}: {error}", None
        if response.status_code in _RETRIED_STATUSES:
            return _said(response), None
        if response.status_code != 200:
            raise RefusedError(f"{self.url} refused the request: {_said(response)}")
        return None, response


@cache
def _tls_context() -> ssl.SSLContext:
    """Return the context that all clients share: making one reads every certificate, 20 ms."""
    return ssl.create_default_context()


def _said(response: "httpx.Response") -> str:
    return f"status {response.status_code}: {response.text[:200]}"


def _parse(content: bytes, queries: Sequence[str], k: int, url: str) -> list[list[Hit]]:
    """Return the hits of a response, or raise if it is not of Search-R1's shape."""
    try:
        result = json.loads(content)["result"]
        if len(result) != len(queries):
            raise ValueError(f"got {len(result)} results for {len(queries)} queries")
        return [[_hit(entry) for entry in entries[:k]] for entries in result]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RetrieverError(
            f"the answer of {url} must be of the shape "
            '{"result": [[{"document": {"contents"}, "score"}]]}, got '
            f"{content[:100]!r}: {type(error).__name__}: {error}"
        ) from error


def _hit(entry: Mapping[str, Any]) -> Hit:
    document, score = entry["document"], float(entry["score"])
    if not math.isfinite(score):
        raise ValueError(f"score must be finite, got {score}")
    if isinstance(document.get("contents"), str):
        title, text = parse_contents(document["contents"])
    else:
        title, text = str(document.get("title") or ""), document["text"]
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, got {text!r}")
    passage_id = document.get("id")
    if passage_id is None:
        # Still one id for one passage, so that rankings can be compared and fused.
        digest = hashlib.sha256(f"{title}\n{text}".encode("utf-8", "surrogatepass"))
        passage_id = f"sha256:{digest.hexdigest()[:16]}"
    return Hit(str(passage_id), title, text, score)
