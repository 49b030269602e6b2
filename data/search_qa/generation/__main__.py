"""Make the data again: ``python -m llmenvs.data.search_qa.generation --out DIR``.

The files are the same on every run with the same versions of the packages in
`llmenvs.data.search_qa.generation.sources.PACKAGES`, which must be installed.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmenvs.data.search_qa.generation.corpus import corpus_entities
from llmenvs.data.search_qa.generation.names import CountryNames
from llmenvs.data.search_qa.generation.questions import make_questions
from llmenvs.data.search_qa.generation.sources import factbook, source_versions
from llmenvs.data.search_qa.generation.splits import test_countries
from llmenvs.data.search_qa.generation.world import World
from llmenvs.data.search_qa.loading import CORPUS_FILE, SOURCES_FILE, questions_file


def main(arguments: list[str] | None = None) -> int:
    """Write the files into a folder and say how large each is."""
    parser = argparse.ArgumentParser(prog="python -m llmenvs.data.search_qa.generation")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--num-train", type=int, default=6_400, help="about as many")
    parser.add_argument("--num-test", type=int, default=1_600, help="about as many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        world = World(corpus_entities())
    except ImportError as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    held_out = test_countries(CountryNames(factbook()), seed=options.seed)
    train, test = make_questions(
        world,
        held_out,
        num_train=options.num_train,
        num_test=options.num_test,
        seed=options.seed,
    )
    passages = (
        {"id": passage.passage_id, "title": passage.title, "text": passage.text}
        for passage in world.passages.values()
    )
    _write(options.out / CORPUS_FILE, passages)
    _write(options.out / questions_file("train"), train)
    _write(options.out / questions_file("test"), test)
    sources = {"packages": source_versions(), "seed": options.seed, "test": sorted(held_out)}
    (options.out / SOURCES_FILE).write_text(json.dumps(sources, indent=1) + "\n", encoding="utf-8")
    return 0


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    sys.stdout.write(f"{path.name}: {len(lines)} rows, {path.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    sys.exit(main())
