"""What a grammar writes it reads back, for the right subject only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.data.search_qa.grammar import (
    Grammar,
    join_list,
    read_fact,
    read_list,
    slots_of,
    write_sentence,
)
from llmenvs.data.search_qa.relations import GRAMMARS, RELATIONS

_NAMES = st.from_regex(r"[A-ZÀ-Þ][a-zß-ÿ]{1,9}( [A-Z][a-z]{1,9}){0,2}", fullmatch=True)
_FACTS = st.one_of(_NAMES, st.from_regex(r"[1-9][0-9]{0,2}(,[0-9]{3}){0,2}", fullmatch=True))


@pytest.mark.parametrize("kind", sorted(GRAMMARS))
@given(data=st.data())
def test_every_wording_is_read_back(kind: str, data: st.DataObject) -> None:
    grammar = GRAMMARS[kind]
    facts = {slot: data.draw(_FACTS, label=slot) for slot in sorted(grammar.slots())}
    facts["name"] = data.draw(_NAMES)
    wordings = [data.draw(st.sampled_from(list(g))) for g in (grammar.opening, *grammar.groups)]
    text = " ".join(write_sentence(wording, facts) for wording in wordings)
    stated = {slot for wording in wordings for slot in slots_of(wording)} - {"name"}

    read = {slot: read_fact(grammar, text, name=facts["name"], slot=slot) for slot in stated}

    assert read == {slot: facts[slot] for slot in stated}


@pytest.mark.parametrize("name", ["Rio", "Ria Airport", "Rio Airport North", "rio airport II", ""])
def test_a_passage_about_something_else_is_not_read(name: str) -> None:
    text = "Rio Airport is an airport known by the IATA code RIX. The city that it serves is Lima."

    assert read_fact(GRAMMARS["airport"], text, name=name, slot="city") is None


@pytest.mark.parametrize(
    ("name", "city"),
    [("L.F. Wade Airport", "St. John's"), ("U.S. Airport", "Washington, D.C"), ("Fiji", "A. Bc")],
)
def test_full_stops_inside_of_names_do_not_end_a_sentence(name: str, city: str) -> None:
    grammar = Grammar(["{name} is an airport."], [["It serves {city}."], ["It is high."]])
    text = " ".join([f"{name} is an airport.", f"It serves {city}.", "It is high."])
    expected = "A" if city == "A. Bc" else city  # such a fact does not get into a question

    assert read_fact(grammar, text, name=name, slot="city") == expected


def test_a_sentence_of_another_kind_is_not_read() -> None:
    text = "Oslo is a city in Viken, which is part of Norway. Its elevation is unknown."

    assert read_fact(GRAMMARS["airport"], text, name="Oslo", slot="city") is None
    assert read_fact(GRAMMARS["city"], text, name="Oslo", slot="population") is None


@given(st.lists(st.from_regex(r"[a-z]{1,8}( [a-z]{3,8})?", fullmatch=True), min_size=1, max_size=6))
def test_a_list_is_read_back(items: list[str]) -> None:
    clean = [item for item in items if " and " not in f" {item} "] or ["gold"]

    assert read_list(join_list(clean)) == tuple(clean)


def test_a_measured_list_may_hold_an_and() -> None:
    text = "Trinidad and Tobago (7 km), Bosnia and Herzegovina (1,932 km) and Chad (2.5 km)"

    assert read_list(text) == ("Trinidad and Tobago", "Bosnia and Herzegovina", "Chad")


def test_every_relation_is_a_slot_that_can_be_asked_for() -> None:
    for relation in RELATIONS.values():
        templates = (*relation.queries, *relation.phrases, *relation.asks)

        assert relation.slot in GRAMMARS[relation.kind].slots()
        assert all(template.count("{x}") == 1 for template in templates), relation.name


@pytest.mark.parametrize("kind", sorted(GRAMMARS))
def test_wording_varies(kind: str) -> None:
    asked = {relation.slot for relation in RELATIONS.values() if relation.kind == kind}

    for group in GRAMMARS[kind].groups:
        slots = {slot for wording in group for slot in slots_of(wording)}
        assert len(group) >= (3 if slots & asked else 2)
