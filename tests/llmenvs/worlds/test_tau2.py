"""tau2's tasks run on the package's tools, end where its scorer says, and cannot be idled."""

import copy
import pickle
import sys
from collections import Counter
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from llmenvs import RolloutLimits, rollout
from llmenvs.envs.tool_use import ToolUseEnv
from llmenvs.tools import ToolResultKind
from llmenvs.worlds import tau2_package
from llmenvs.worlds.changes import changes_between
from llmenvs.worlds.tau2_package import DOMAINS, import_part, package_of
from llmenvs.worlds.tau2_records import Records
from llmenvs.worlds.tau2_requests import (
    Tau2Requests,
    tau2_scenario,
    tau2_session_of,
    tau2_task_of_session,
)
from llmenvs.worlds.tau2_tasks import LeftOut
from llmenvs.worlds.tau2_world import Tau2World

LIMITS = RolloutLimits(max_new_tokens=8_192, max_episode_tokens=1 << 22)


@pytest.fixture(scope="module", autouse=True)
def the_package() -> None:
    pytest.importorskip("inspect_ai", reason="the package inspect-ai is not installed")
    pytest.importorskip("inspect_evals", reason="the package inspect-evals is not installed")


def started(task_id: str) -> Tau2World:
    world = tau2_scenario(task_id).world
    assert isinstance(world, Tau2World)
    return world


def ended(task_id: str) -> Tau2World:
    """Return the world after the plan."""
    world = started(task_id)
    for step in tau2_scenario(task_id).steps:
        world, result = world.call(step.tool, step.arguments)
        assert result.ok, (task_id, step, result)
    return world


def expected(domain: str, name: str) -> Any:
    """Return the database that the package's own scorer compares with."""
    row = copy.deepcopy(dict(package_of(domain).rows[name]))
    task = import_part("data_model.tasks").Task.model_validate(row)
    actions = task.evaluation_criteria.actions
    if domain == "banking":
        return import_part("banking.scorer")._build_expected_db(actions, task.initial_state)
    return import_part("common.scorer").get_expected_db(domain, actions).db


def scores(source: Tau2Requests, policy: str, task_ids: list[str]) -> list[float]:
    env = ToolUseEnv(tasks=source)
    played = rollout(
        [env],
        env.scripted_policies()[policy],
        seeds=range(len(task_ids)),
        task_ids=task_ids,
        limits=LIMITS,
    )
    return [trajectory.info["verdict"].score for trajectory in played]


@pytest.mark.parametrize(("domain", "num_tasks"), [("airline", 50), ("retail", 114)])
def test_no_airline_or_retail_task_is_left_out(domain: str, num_tasks: int) -> None:
    source = Tau2Requests(domain)

    assert len(source.standard_ids()) == num_tasks
    assert not source.left_out()


def test_banking_leaves_out_what_needs_the_customer_or_is_not_scored_by_the_database() -> None:
    source = Tau2Requests("banking")
    reasons = Counter(source.left_out().values())

    assert reasons == {LeftOut.USER_ACTS: 49, LeftOut.ACTIONS_COUNT: 8}
    assert len(source.standard_ids()) == 97 - 57


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_every_plan_ends_in_the_database_that_the_packages_scorer_expects(domain: str) -> None:
    before = package_of(domain).database.get_hash()
    for task_id in Tau2Requests(domain).standard_ids():
        world = ended(task_id)
        wanted = expected(domain, task_id.partition("/")[2]).get_hash()
        assert world.database.get_hash() == wanted, task_id

    assert package_of(domain).database.get_hash() == before


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_the_oracle_solves_every_task_and_no_other_policy_any(domain: str) -> None:
    source = Tau2Requests(domain)
    task_ids = source.standard_ids()
    before = package_of(domain).database.get_hash()

    assert min(scores(source, "oracle", task_ids)) == 1.0
    assert max(scores(source, "noop", task_ids)) == 0.0
    assert max(scores(source, "wrong_value", task_ids)) < 0.5
    assert max(scores(source, "side_effect", task_ids)) == 0.0
    assert max(scores(source, "random", task_ids[:10])) == 0.0
    assert package_of(domain).database.get_hash() == before


def test_the_environment_shows_the_policy_and_the_whole_of_what_the_customer_wants() -> None:
    env = gym.make("llmenvs/ToolUse-v0", tasks=Tau2Requests("airline"))
    env.reset(seed=0, options={"task_id": "tau2-airline/7"})
    system, user = (m["content"] for m in env.unwrapped.transcript.messages)  # type: ignore[attr-defined]

    assert package_of("airline").policy in system
    assert '"name": "book_reservation"' in system
    assert "XEHM4B and 59XX6W" in user


def test_a_world_stays_as_it_is_whatever_is_called_on_it() -> None:
    world = started("tau2-airline/7")
    before = world.database.get_hash()

    after, result = world.call("cancel_reservation", {"reservation_id": "XEHM4B"})
    again, _ = after.call("cancel_reservation", {"reservation_id": "59XX6W"})

    assert result.ok
    assert world.database.get_hash() == before
    assert len({w.database.get_hash() for w in (world, after, again)}) == 3
    assert [change.key for change in changes_between(after, again)] == ["59XX6W"] * 2


def test_two_ways_to_the_same_database_are_the_same_changes() -> None:
    world = started("tau2-airline/7")
    calls = [("cancel_reservation", {"reservation_id": name}) for name in ("XEHM4B", "59XX6W")]
    ends = []
    for order in (calls, calls[::-1]):
        end = world
        for call in order:
            end, _ = end.call(*call)
        ends.append(end)

    assert ends[0].database.get_hash() == ends[1].database.get_hash()
    assert changes_between(world, ends[0]) == changes_between(world, ends[1])


def test_a_call_that_fails_changes_nothing_and_says_why() -> None:
    world = started("tau2-airline/7")

    after, result = world.call("cancel_reservation", {"reservation_id": "NOSUCH"})

    assert after is world
    assert result.text == "Error: Reservation NOSUCH not found"


def test_a_world_goes_through_pickling_and_back() -> None:
    world, _ = started("tau2-airline/7").call("cancel_reservation", {"reservation_id": "XEHM4B"})
    restored = pickle.loads(pickle.dumps(world))

    assert restored.database.get_hash() == world.database.get_hash()


def test_going_back_to_a_moment_is_exact() -> None:
    env = ToolUseEnv(tasks=Tau2Requests("airline"))
    env.reset(seed=0, options={"task_id": "tau2-airline/7"})
    moment = env.snapshot()
    call = '{"name": "cancel_reservation", "parameters": {"reservation_id": "59XX6W"}}'
    first = env.step(f"<tool_call>{call}</tool_call>")[0]
    env.restore(moment)

    assert env.step(f"<tool_call>{call}</tool_call>")[0] == first


def test_what_is_to_be_refused_must_be_declined_for_the_right_customer() -> None:
    world = started("tau2-airline/0")
    assert Tau2Requests("airline").find("tau2-airline/0")["kind"] == "refuse"
    reason = {"reason": "The policy does not allow it."}

    right, _ = world.call("decline_request", {**reason, "user_id": "emma_kim_9957"})
    wrong, _ = world.call("decline_request", {**reason, "user_id": "raj_sanchez_7340"})
    _, unknown = world.call("decline_request", {**reason, "user_id": "nobody"})

    assert changes_between(world, right) == changes_between(world, ended("tau2-airline/0"))
    assert changes_between(world, wrong) != changes_between(world, right)
    assert unknown.text == "Error: there is no customer 'nobody'"


def test_a_tool_must_be_unlocked_and_stays_so_only_where_it_was() -> None:
    world = started("tau2-banking/task_051")
    name = {"agent_tool_name": "get_user_dispute_history_7291"}
    call = {**name, "arguments": '{"user_id": "5e4c1a83b0"}'}

    unlocked, _ = world.call("unlock_discoverable_agent_tool", name)

    assert "has not been unlocked" in world.call("call_discoverable_agent_tool", call)[1].text
    assert "retrieved" in unlocked.call("call_discoverable_agent_tool", call)[1].text


def test_the_knowledge_base_is_searched_as_the_package_does() -> None:
    world = started("tau2-banking/task_051")
    package = import_part("banking.tools")._get_knowledge_base()

    for pattern in ("dispute|chargeback", "close.*credit card"):
        assert world.call("grep", {"pattern": pattern})[1].text == package.grep(pattern)


@pytest.mark.slow
def test_a_pattern_without_end_and_one_that_is_none_are_told_and_the_next_is_searched_for() -> None:
    world = started("tau2-banking/task_051")

    endless = world.call("grep", {"pattern": "([a-z ]+)*!Q"})[1]
    too_many = world.call("grep", {"pattern": "a{9999999999}"})[1]

    assert (endless.kind, too_many.kind) == (ToolResultKind.FAILED, ToolResultKind.FAILED)
    assert "use a simpler pattern" in endless.text
    assert "cannot be searched for: OverflowError" in too_many.text
    assert world.call("grep", {"pattern": "close.*card"})[1].ok


def test_the_splits_are_the_packages_and_do_not_meet() -> None:
    train, test = (set(Tau2Requests("retail", s).standard_ids()) for s in ("train", "test"))

    assert (len(train), len(test), len(train & test)) == (74, 40, 0)
    drawn = {
        Tau2Requests("retail", "train").sample(np.random.default_rng(n))["task_id"]
        for n in range(200)
    }
    assert drawn <= train
    hashes = {Tau2Requests("retail", split).content_hash for split in ("base", "train", "test")}
    assert len(hashes) == 3


def test_a_session_names_its_task() -> None:
    task_ids = [i for domain in DOMAINS for i in Tau2Requests(domain).standard_ids()]

    assert [tau2_task_of_session(tau2_session_of(i)) for i in task_ids] == task_ids
    with pytest.raises(ValueError, match="there is no session 'tau2-airline-0'"):
        tau2_task_of_session("tau2-airline-0")


def test_what_is_not_there_is_refused_and_says_what_is() -> None:
    with pytest.raises(ValueError, match=r"domain must be one of .*, got 'telecom'"):
        Tau2Requests("telecom")
    with pytest.raises(ValueError, match=r"split of banking must be one of \['base'\]"):
        Tau2Requests("banking", "test")
    with pytest.raises(ValueError, match="only the customer can take"):
        Tau2Requests("banking").find("tau2-banking/task_001")
    with pytest.raises(ValueError, match="an id is such as tau2-airline/0"):
        Tau2Requests("airline").find("tau2-airline/999")


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package_of.cache_clear()
    monkeypatch.setitem(sys.modules, "inspect_evals.tau2.airline.agents", None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'llmenvs\[tau2\]'"):
        tau2_package.package_of("airline")


def test_a_fork_of_records_shares_what_is_left_alone_and_no_more() -> None:
    records = {"a": {"n": [1]}, "b": {"n": [2]}, "c": {"n": [3]}}
    fork = Records(records)
    fork["a"]["n"].append(9)
    fork.get("b")["n"].append(9)
    for record in fork.values():
        record["m"] = 1
    fork.pop("c")["n"].append(9)
    fork.seal()

    assert records == {"a": {"n": [1]}, "b": {"n": [2]}, "c": {"n": [3]}}
    assert fork == {"a": {"n": [1, 9], "m": 1}, "b": {"n": [2, 9], "m": 1}}
    assert Records(fork).setdefault("d", 4) == 4
    assert "d" not in fork
