"""Every request can be met by its plan, by no less, and its halves cannot meet."""

import copy

import numpy as np
import pytest

from llmenvs.worlds.facts import tells
from llmenvs.worlds.requests import (
    WORLDS,
    ProceduralRequests,
    scenario_of,
    session_of,
    task_id_of_session,
    templates_of,
)
from llmenvs.worlds.scenario import solve

STANDARD = [
    task_id for split in ("train", "test") for task_id in ProceduralRequests(split).standard_ids()
]


def test_there_are_six_worlds_forty_tools_and_five_hundred_tasks() -> None:
    tools = {
        (world, name)
        for world in WORLDS
        for name in scenario_of(f"{world}/{templates_of(world)[0].name}/train/0")
        .world.toolbox()
        .tools
    }

    assert len(WORLDS) >= 6
    assert len(tools) >= 40
    assert len(STANDARD) >= 500


@pytest.mark.parametrize("world", WORLDS)
def test_every_plan_works_and_tells_its_facts_and_nothing_forbidden(world: str) -> None:
    for task_id in STANDARD:
        if not task_id.startswith(f"{world}/"):
            continue
        solution = solve(scenario_of(task_id))
        assert solution.facts, task_id
        assert all(tells(solution.response, fact) for fact in solution.facts), task_id
        assert not any(tells(solution.response, fact) for fact in solution.forbidden), task_id


def test_only_reading_requests_leave_the_world_as_it_is() -> None:
    for world in WORLDS:
        for template in templates_of(world):
            solution = solve(scenario_of(f"{world}/{template.name}/test/0"))
            assert (template.kind == "read") == (not solution.changes), (world, template.name)
            declined = any(name == "decline" for name, _ in solution.calls)
            assert declined == (template.kind == "refuse"), (world, template.name)


def test_solving_a_scenario_leaves_its_world_as_it_was() -> None:
    scenario = scenario_of("shop/refund/train/0")
    before = copy.deepcopy(dict(scenario.world.tables))

    solve(scenario)

    assert dict(scenario.world.tables) == before


def test_no_request_is_in_both_halves() -> None:
    train, test = (
        {source.find(task_id)["request"] for task_id in source.standard_ids()}
        | {source.sample(np.random.default_rng(seed))["request"] for seed in range(1_000)}
        for source in (ProceduralRequests("train"), ProceduralRequests("test"))
    )

    assert not train & test


def test_two_seeds_draw_different_tasks() -> None:
    source = ProceduralRequests()
    drawn = {source.sample(np.random.default_rng(seed))["task_id"] for seed in range(500)}

    assert len(drawn) == 500


def test_a_task_follows_from_its_id_alone() -> None:
    task_id = "bank/transfer/train/17"
    first = scenario_of(task_id)
    scenario_of.cache_clear()

    assert scenario_of(task_id).request == first.request
    assert scenario_of(task_id).world.tables == first.world.tables


def test_a_session_names_its_task_and_another_names_another() -> None:
    sessions = {session_of(task_id): task_id for task_id in STANDARD}

    assert len(sessions) == len(STANDARD)
    assert all(task_id_of_session(session) == task_id for session, task_id in sessions.items())


def test_some_tools_fail_at_first_and_some_requests_are_to_be_refused() -> None:
    assert any(scenario_of(task_id).world.failing for task_id in STANDARD)
    kinds = {template.kind for world in WORLDS for template in templates_of(world)}
    assert kinds == {"read", "write", "refuse"}


@pytest.mark.parametrize(
    "task_id", ["bank/transfer/train", "bnk/transfer/train/1", "bank/nothing/train/1", ""]
)
def test_an_id_that_is_none_is_refused_and_says_how_one_looks(task_id: str) -> None:
    with pytest.raises(ValueError, match="an id is world/template/split/number"):
        ProceduralRequests().find(task_id)


def test_an_unknown_split_or_world_and_a_task_of_another_are_refused() -> None:
    with pytest.raises(ValueError, match="split must be one of"):
        ProceduralRequests("dev")
    with pytest.raises(ValueError, match=r"worlds must be some of .*, got \['mars'\]"):
        ProceduralRequests(worlds=["mars"])
    with pytest.raises(ValueError, match="is not of the split 'train'"):
        ProceduralRequests("train").find("bank/transfer/test/1")
    with pytest.raises(ValueError, match="there is no session"):
        task_id_of_session(123_456_789)
