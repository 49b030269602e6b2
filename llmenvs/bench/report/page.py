"""Write a report: one HTML file that needs nothing else, no network, no server, no library.

What a model wrote stands in it as data only. It is escaped, and a content security policy lets the
browser run the page's own script, by its hash, and nothing else.
"""

import base64
import hashlib
import html
import os
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from string import Template

from llmenvs.bench.episode_record import EpisodeRecord, read_episodes
from llmenvs.bench.report.results import Results
from llmenvs.bench.report.shown import ViewerData

_SCRIPTS = ("viewer_text.js", "viewer_detail.js", "viewer.js")


def write_report(path: Path, folders: Sequence[Path], *, title: str = "") -> int:
    """Write the report of one run, or of several beside each other.

    Args:
        path: of the HTML file, which is replaced, whole or not at all.
        folders: of the runs, as ``llmenvs bench --out`` leaves them; at least one.
        title: of the page; made of the folders' names by default.

    Returns:
        The number of episodes in it.

    Raises:
        ValueError: a folder is none of a run, or has no episodes.
        OSError: a file cannot be read or written.
    """
    data = ViewerData()
    sections: list[str] = []
    for folder in folders:
        records = list(_episodes(folder))
        for record in records:
            data.add(record, run=folder.name if len(folders) > 1 else None)
        sections.append(_results(records, heading=folder.name if len(folders) > 1 else None))
    page = _page(
        title or " and ".join(folder.resolve().name for folder in folders),
        about=f"{len(data):,} episodes of {', '.join(str(folder) for folder in folders)}",
        results="\n".join(sections),
        data=data.to_json(),
    )
    unfinished = path.with_name(path.name + ".tmp")
    # Lone surrogates outside of the data, in a category for example, become question marks.
    unfinished.write_text(page, encoding="utf-8", errors="replace")
    os.replace(unfinished, path)
    return len(data)


def _episodes(folder: Path) -> Iterator[EpisodeRecord]:
    try:
        records = read_episodes(folder)
        first = next(records, None)
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} is no run: {error.filename} is missing; give what `llmenvs bench --out` made"
        ) from error
    if first is None:
        raise ValueError(f"{folder} has no whole episode yet: run `llmenvs bench` first")
    yield first
    yield from records


def _results(records: Sequence[EpisodeRecord], *, heading: str | None) -> str:
    results = Results(records)
    return "\n".join(
        [
            f"<h3>{html.escape(heading)}</h3>" if heading else "",
            *results.tables(),
            f'<div class="plots">{"".join(results.plots())}</div>',
        ]
    )


def _page(title: str, *, about: str, results: str, data: str) -> str:
    style = _resource("page.css")
    script = "\n".join(_resource(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_resource("page.html")).substitute(
        policy=policy,
        title=html.escape(title),
        about=html.escape(about),
        results=results,
        style=style,
        script=script,
        data=data,
    )


def _resource(name: str) -> str:
    return resources.files("llmenvs.bench.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
