"""Measure the retrievers and the service, each against a named peer in the same run.

    python benchmarks/retrieval.py --out benchmarks/results/retrieval.jsonl

One JSON object a line, with the settings, versions and the machine. The corpus is made: words of a
Zipf-Mandelbrot law, so that posting lists are as uneven as in a language; the vectors are clusters.
rank_bm25 and FAISS are called as their documentation says, on one thread; queries are given to
rank_bm25 as terms, while ours are text. ``--part`` runs one of ``bm25``, ``dense``, ``service``.
"""

import argparse
import json
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
from machine import cpu_and_packages
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]  # it ships no types
from retrieval_corpus import SEED, Words, make_passages, make_queries

from llmenvs.retrievers import (
    BM25Retriever,
    DenseRetriever,
    Hit,
    HTTPRetriever,
    Passage,
    RetrieverError,
    WordTokenizer,
)
from llmenvs.retrievers.faiss_index import IndexSettings, build_index

faiss: Any = _faiss  # its stubs lack much of what SWIG adds
DIMENSION = 384
PACKAGES = ("bm25s", "rank-bm25", "faiss-cpu", "numpy", "fastapi", "uvicorn", "httpx")


def seconds(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def cpu_seconds(*functions: Callable[[], object], rounds: int) -> list[float]:
    """Return the least CPU time of each function, called in turns: the machine is shared.

    All that is timed so runs on one thread.
    """
    least = [np.inf] * len(functions)
    for _ in range(rounds):
        for number, function in enumerate(functions):
            start = time.process_time()
            function()
            least[number] = min(least[number], time.process_time() - start)
    return least


def same_top(ours: Sequence[Hit], theirs: NDArray[np.float64], k: int) -> bool:
    """Return whether ``ours`` are a top k of ``theirs``, scores (D,); equal scores are equal."""
    best = np.sort(theirs)[::-1][:k]
    got = theirs[np.array([hit.position for hit in ours], np.intp)]
    wanted = best[best > 0]
    return len(got) == len(wanted) and bool(np.allclose(got, wanted, rtol=1e-6, atol=1e-6))


def peer_seconds(
    passages: Sequence[Passage], queries: Sequence[list[str]], tokenizer: WordTokenizer
) -> float:
    """Return what a query takes in rank_bm25; its index is freed at the end."""
    peer = BM25Okapi([tokenizer(passage.indexed_text) for passage in passages])
    (peer_s,) = cpu_seconds(lambda: [peer.get_top_n(q, passages, 10) for q in queries], rounds=1)
    return peer_s / len(queries)


def bench_bm25(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Compare BM25 with rank_bm25 on one thread, and with our readable engine by its results."""
    words = Words()
    tokenizer = WordTokenizer(stop_words=words.stop_words)
    passages = list(make_passages(words, args.passages))
    queries = make_queries(words, passages, 2000)
    text_bytes = sum(len(passage.text.encode()) for passage in passages)
    index = folder / "bm25"
    build = [sys.executable, __file__, "--build", str(index), "--passages", str(args.passages)]
    built = json.loads(subprocess.run(build, check=True, capture_output=True).stdout)
    probe = [sys.executable, __file__, "--probe", str(index), "--passages", str(args.passages)]
    probed = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)
    ours = BM25Retriever.load(index, tokenizer=tokenizer)
    ours.search(queries[:100], 10)
    ours_s = cpu_seconds(lambda: ours.search(queries, 10), rounds=3)[0] / len(queries)
    peer_s = peer_seconds(passages, [tokenizer(q) for q in queries[: args.peer_queries]], tokenizer)
    reference = BM25Retriever.from_passages(passages, engine="rank-bm25", tokenizer=tokenizer)
    checked = queries[: args.checked_queries]
    agree = [
        same_top(hits, reference.scores(query), 10)
        for query, hits in zip(checked, ours.search(checked, 10), strict=True)
    ]
    return {
        "benchmark": "bm25",
        "passages": args.passages,
        "text_mb": round(text_bytes / 1e6, 1),
        "queries_per_s": round(1 / ours_s),
        "rank_bm25_queries_per_s": round(1 / peer_s, 2),
        "ratio": round(peer_s / ours_s),
        "same_top_10": round(float(np.mean(agree)), 4),
        "checked_queries": len(checked),
        "build_s": built["build_s"],
        "build_peak_memory_over_text": round(built["peak_bytes"] / text_bytes, 2),
        "load_s": probed["load_s"],
        "search_memory_over_text": round(probed["peak_bytes"] / text_bytes, 2),
    }


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def build_alone(path: Path, passages: int) -> None:
    """Build an index from a stream in this process, and print time and memory."""
    words = Words()
    tokenizer = WordTokenizer(stop_words=words.stop_words)
    BM25Retriever.from_passages([])  # imports what a build imports
    start_bytes = _peak_bytes()
    build_s = seconds(
        lambda: BM25Retriever.build(make_passages(words, passages), path, tokenizer=tokenizer)
    )
    print(json.dumps({"build_s": round(build_s, 2), "peak_bytes": _peak_bytes() - start_bytes}))


def probe_alone(path: Path, passages: int) -> None:
    """Load an index in this process, search it, and print time and memory."""
    words = Words()
    texts = list(make_passages(words, 500))
    queries = make_queries(words, texts, 500)
    BM25Retriever.from_passages(texts)  # imports what a load imports
    start_bytes = _peak_bytes()
    start = time.perf_counter()
    retriever = BM25Retriever.load(path)
    load_s = time.perf_counter() - start
    retriever.search(queries, 10)
    assert len(retriever.passages) == passages
    print(json.dumps({"load_s": round(load_s, 3), "peak_bytes": _peak_bytes() - start_bytes}))


class Directions:
    """An encoder whose vectors are not asked for: the benchmark searches vectors."""

    dimension = DIMENSION

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing decides them."""
        return {"model": "benchmark"}

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Refuse; see the class."""
        raise NotImplementedError

    encode_passages = encode_queries


def clusters(rng: np.random.Generator, centres: NDArray[np.float32], count: int) -> Any:
    """Return unit vectors (count, DIMENSION) around ``centres`` (C, DIMENSION)."""
    noise = rng.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors = centres[rng.integers(0, len(centres), count)] + 0.4 * noise
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def bench_dense(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Compare the flat index with FAISS itself, and the graph with the flat index."""
    rng = np.random.default_rng([SEED, 3])
    centres = rng.standard_normal((1000, DIMENSION)).astype(np.float32)
    vectors, queries = clusters(rng, centres, args.passages), clusters(rng, centres, 256)
    passages = [Passage(str(number), "", "") for number in range(args.passages)]
    encoder = Directions()
    exact_index = build_index(
        [vectors],
        dimension=DIMENSION,
        num_passages=args.passages,
        settings=IndexSettings("flat"),
    )
    flat = DenseRetriever(passages, exact_index, encoder=encoder)
    direct = exact_index.index  # the same memory: where vectors lie makes a difference of its own
    faiss.omp_set_num_threads(1)
    singles = [query[None] for query in queries[:100]]
    flat_s, direct_s = cpu_seconds(
        lambda: [flat.search_vectors(query, 10) for query in singles],
        lambda: [direct.search(query, 10) for query in singles],
        rounds=5,
    )
    flat_batch_s, direct_batch_s = cpu_seconds(
        lambda: flat.search_vectors(queries, 10), lambda: direct.search(queries, 10), rounds=5
    )
    settings = IndexSettings("hnsw")
    start = time.perf_counter()
    graph = DenseRetriever.from_vectors(passages, vectors, encoder=encoder, index=settings)
    build_s = time.perf_counter() - start
    (graph_s,) = cpu_seconds(
        lambda: [graph.search_vectors(query, 10) for query in singles], rounds=5
    )
    exact, approximate = flat.search_vectors(queries, 10), graph.search_vectors(queries, 10)
    recall = [
        len({h.position for h in a} & {h.position for h in b}) / 10
        for a, b in zip(exact, approximate, strict=True)
    ]
    graph.save(folder / "hnsw")
    load_s = seconds(lambda: DenseRetriever.load(folder / "hnsw", encoder=encoder, verify=False))
    return {
        "benchmark": "dense",
        "vectors": [args.passages, DIMENSION],
        "flat_ms": round(10 * flat_s, 3),
        "faiss_flat_ms": round(10 * direct_s, 3),
        "flat_over_faiss": round(flat_s / direct_s, 3),
        "flat_over_faiss_batch_256": round(flat_batch_s / direct_batch_s, 3),
        "hnsw_ms": round(10 * graph_s, 3),
        "hnsw_speedup": round(flat_s / graph_s, 1),
        "hnsw_recall_at_10": round(float(np.mean(recall)), 4),
        "hnsw_build_s": round(build_s, 1),
        "hnsw_load_s": round(load_s, 3),
    }


class Server:
    """The service in a process of its own, on a port that a restart takes again."""

    def __init__(self, index: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/retrieve"
        self._command = [sys.executable, "-m", "llmenvs.cli", "index", "serve", str(index)]
        self.start()

    def start(self) -> None:
        """Start the process, which takes seconds to answer."""
        self.process = subprocess.Popen(
            [*self._command, "--port", str(self.port)], stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """End the process in the middle of what it does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Kill the process and start another one on its port."""
        self.kill()
        self.start()


def load_server(
    url: str, queries: Sequence[str], expected: Sequence[Sequence[Hit]], args: argparse.Namespace
) -> dict[str, Any]:
    """Ask from 64 clients at once and return the rate, the latencies and what went wrong."""
    starts = [64 * n for n in range(len(queries) // 64)]
    jobs = iter(starts * args.repeats)
    lock, latencies, lost, wrong = threading.Lock(), [], [], []

    def client() -> None:
        with HTTPRetriever(url, max_connections=1) as retriever:
            while True:
                with lock:
                    first = next(jobs, None)
                if first is None:
                    return
                begun = time.perf_counter()
                try:
                    got = retriever.search(queries[first : first + 64], 3)
                except RetrieverError:
                    lost.append(first)
                    continue
                latencies.append(time.perf_counter() - begun)
                if got != expected[first : first + 64]:
                    wrong.append(first)

    threads = [threading.Thread(target=client) for _ in range(64)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    p50, p99 = np.quantile(latencies, [0.5, 0.99])
    return {
        "queries_per_s": round(len(latencies) * 64 / took),
        "p50_ms": round(1000 * float(p50), 1),
        "p99_ms": round(1000 * float(p99), 1),
        "lost": len(lost),
        "wrong": len(wrong),
    }


def bench_service(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Compare the service with the retriever in this process, and kill it in mid-load."""
    words = Words()
    tokenizer = WordTokenizer(stop_words=words.stop_words)
    index = folder / "service"
    BM25Retriever.build(make_passages(words, args.passages), index, tokenizer=tokenizer)
    retriever = BM25Retriever.load(index)
    queries = make_queries(words, retriever.passages, 64 * 64)
    expected = retriever.search(queries, 3)
    batches = [queries[start : start + 64] for start in range(0, len(queries), 64)]
    server = Server(index)
    try:
        with HTTPRetriever(server.url) as warm_up:
            warm_up.search(queries[:640], 3)
        local_s, rates = [], []
        for _ in range(3):  # in turns, as the machine's speed drifts
            local_s.append(seconds(lambda: [retriever.search(batch, 3) for batch in batches]))
            rates.append(load_server(server.url, queries, expected, args))
        restart = threading.Timer(0.5, server.restart)
        restart.start()
        killed = load_server(server.url, queries, expected, args)
        restart.join()
    finally:
        server.kill()
    local = len(queries) / min(local_s)
    best = max(rates, key=lambda row: row["queries_per_s"])
    return {
        "benchmark": "service",
        "passages": args.passages,
        "clients": 64,
        "queries_a_request": 64,
        "k": 3,
        "local_queries_per_s": round(local),
        **{f"service_{key}": value for key, value in best.items()},
        "ratio": round(best["queries_per_s"] / local, 3),
        **{f"killed_{key}": value for key, value in killed.items()},
    }


def main() -> None:
    """Run the parts and print, or also write, a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--peer-queries", type=int, default=20, help="timed on rank_bm25")
    parser.add_argument("--checked-queries", type=int, default=200, help="compared by result")
    parser.add_argument("--repeats", type=int, default=4, help="times 4096 queries to the service")
    parser.add_argument("--part", choices=("bm25", "dense", "service"), action="append")
    parser.add_argument("--out", type=Path, help="a JSON Lines file to write")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.build is not None:
        return build_alone(args.build, args.passages)
    if args.probe is not None:
        return probe_alone(args.probe, args.passages)
    parts = {"bm25": bench_bm25, "dense": bench_dense, "service": bench_service}
    rows = []
    for name in args.part or parts:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(
                json.dumps(
                    {
                        **parts[name](args, Path(folder)),
                        **cpu_and_packages(PACKAGES),
                        "seed": SEED,
                    }
                )
            )
        print(rows[-1], flush=True)
    if args.out is not None:
        args.out.write_text("\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
