"""Following a decomposition reads every answer out of passages, and says what is missing."""

from typing import Any

import pytest

from llmenvs.data.search_qa import final_answer, next_query, read_hop_answer

AIRPORT = "Ayr Airport is an airport known by the IATA code AYR. The city that it serves is Perth."
TOWER = (
    "Tor Airport is an airport known by the IATA code TOR. The elevation of the field is {} metres."
)


def _hop(question: str, subject: str, relation: str, **more: Any) -> dict[str, Any]:
    return {"question": question, "subject": subject, "relation": relation, **more}


BRIDGE = {
    "hops": [
        _hop("Which city does Ayr Airport serve?", "Ayr Airport", "airport.city"),
        _hop("In which region is the city #1?", "#1", "city.region"),
    ]
}
COMPARISON = {
    "hops": [
        _hop("elevation of Ayr Airport", "Ayr Airport", "airport.elevation"),
        _hop("elevation of Tor Airport", "Tor Airport", "airport.elevation"),
        _hop(
            "Which city does #best serve?",
            "#best",
            "airport.city",
            select={
                "operation": "min",
                "hops": [1, 2],
                "candidates": ["Ayr Airport", "Tor Airport"],
            },
        ),
    ]
}
INTERSECTION = {
    "hops": [
        _hop("geography of Chad: land borders", "Chad", "geography.neighbours"),
        _hop("geography of Niger: land borders", "Niger", "geography.neighbours"),
    ],
    "select": {"operation": "intersection", "hops": [1, 2]},
}


def test_a_query_names_what_the_hops_before_found() -> None:
    assert next_query(BRIDGE, []) == "Which city does Ayr Airport serve?"
    assert next_query(BRIDGE, ["Perth"]) == "In which region is the city Perth?"


def test_an_answer_is_read_from_the_passage_about_the_subject_alone() -> None:
    assert read_hop_answer(BRIDGE, [], AIRPORT) == "Perth"
    assert read_hop_answer(BRIDGE, [], AIRPORT.replace("Ayr Airport", "Ayr Airfield")) is None
    assert read_hop_answer(BRIDGE, ["Perth"], AIRPORT) is None


def test_a_passage_is_read_whatever_stands_around_it() -> None:
    assert read_hop_answer(BRIDGE, [], f"\n  {AIRPORT} \n") == "Perth"


def test_a_comparison_selects_by_the_numbers_and_not_by_their_text() -> None:
    assert read_hop_answer(COMPARISON, ["x"], TOWER.format("1,004")) == "1,004"
    assert next_query(COMPARISON, ["980", "1,004"]) == "Which city does Ayr Airport serve?"
    assert next_query(COMPARISON, ["1,040", "1,004"]) == "Which city does Tor Airport serve?"


def test_an_intersection_is_what_both_lists_name() -> None:
    text = (
        "Chad has an area of 1,284,000 square kilometres. The country shares land borders with"
        " Libya (1,050 km), the Central African Republic (1,556 km) and Niger (1,196 km)."
    )
    first = read_hop_answer(INTERSECTION, [], text)

    assert first == ("Libya", "the Central African Republic", "Niger")
    assert final_answer(INTERSECTION, [first, ["Mali", "LIBYA"]]) == "Libya"


def test_candidates_may_be_answers() -> None:
    select = {"operation": "max", "hops": [3, 4], "candidates": ["#1", "#2"]}
    task = {"hops": [{}] * 4, "select": select}

    assert final_answer(task, ["Peru", "Chad", "12.5", "-3"]) == "Peru"


@pytest.mark.parametrize("second", [["Mali"], ["Libya", "Niger"]])
def test_lists_must_have_one_element_in_common(second: list[str]) -> None:
    with pytest.raises(ValueError, match="exactly one common element"):
        final_answer(INTERSECTION, [["Libya", "Niger"], second])


def test_a_hop_too_many_or_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match="all 2 hops have their answers"):
        next_query(BRIDGE, ["Perth", "Kinross"])
    with pytest.raises(ValueError, match="answers of 2 hops, got 1"):
        final_answer(BRIDGE, ["Perth"])


def test_a_comparison_without_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="need a number, got 'high'"):
        next_query(COMPARISON, ["high", "1,004"])


def test_a_list_is_no_name_of_a_subject() -> None:
    with pytest.raises(ValueError, match="need a single answer"):
        next_query(BRIDGE, [["Perth", "Ayr"]])
