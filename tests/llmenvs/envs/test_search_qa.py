"""Search-R1's loop: searches are shown and masked, the policy's own answer alone is scored."""

import asyncio
import logging
import pickle
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from llmenvs import (
    ByteTokenizer,
    Completion,
    FunctionPolicy,
    MixtureEnv,
    Prompt,
    StopReason,
    TaskSet,
    Tokenizer,
    check_text_env,
    rollout,
    rollout_async,
)
from llmenvs.envs import SearchQAEnv
from llmenvs.envs.search_qa_protocol import INVALID_ACTION_MESSAGE
from llmenvs.retrievers import BM25Retriever, Hit, Passage, RetrieverError
from llmenvs.retrievers.client import RefusedError
from llmenvs.verifiers import Status

SEARCH_ADA = "<think>Born where?</think><search>Where was Ada Lovelace born?</search>"
SEARCH_THAMES = "<think>In London.</think><search>river London Thames</search>"
ANSWER = "<think>I see.</think><answer>the Thames</answer>"


@pytest.fixture
def env(tasks: list[dict[str, Any]], retriever: Any) -> SearchQAEnv:
    return SearchQAEnv(tasks=tasks, retriever=retriever)


def start(env: SearchQAEnv, task_id: str = "ada") -> str:
    return env.reset(seed=0, options={"task_id": task_id})[0]


def play(env: SearchQAEnv, *actions: str) -> tuple[float, bool, bool, dict[str, Any]]:
    start(env)
    result: Any = None
    for action in actions:
        result = env.step(action)
    return result[1:]  # type: ignore[no-any-return]


def test_the_contract_holds(
    any_tokenizer: Tokenizer, tasks: list[dict[str, Any]], corpus: list[Passage]
) -> None:
    retriever = BM25Retriever.from_passages(corpus, engine="rank-bm25")

    check_text_env(
        gym.make(
            "llmenvs/SearchQA-v0",
            tasks=tasks,
            retriever=retriever,
            tokenizer=any_tokenizer,
            top_k=1,
        )
    )


def test_an_episode_by_hand(env: SearchQAEnv) -> None:
    prompt = start(env)
    observation, reward, terminated, truncated, info = env.step(SEARCH_ADA)
    assert prompt.endswith("Question: Which river flows through the birthplace of Ada Lovelace?\n")
    assert observation.startswith('\n\n<information>Doc 1(Title: "Ada Lovelace") Ada Lovelace was')
    assert (reward, terminated, truncated, info["action_valid"]) == (0.0, False, False, True)
    assert "verdict" not in info

    env.step(SEARCH_THAMES)
    observation, reward, terminated, truncated, info = env.step(ANSWER)
    assert (observation, reward, terminated, truncated) == ("", 1.0, True, False)
    assert info["verdict"].success
    assert info["verdict"].extracted == "the Thames"
    assert info["verdict"].parts == {
        "em": 1.0,
        "f1": 1.0,
        "cover_em": 1.0,
        "format": 1.0,
        "answer_retrieved": 1.0,
        "passage_recall": 1.0,
    }
    counts = ("num_searches", "num_valid_searches", "num_gold_retrieved", "answer_retrieved")
    assert [info[name] for name in counts] == [2, 2, 2, True]


def test_the_mask_is_true_on_the_policys_tokens_alone(env: SearchQAEnv) -> None:
    play(env, SEARCH_ADA, ANSWER)
    (trajectory,) = env.trajectories()
    generated = trajectory.token_ids[trajectory.generated_mask].tolist()

    assert bytes(generated).decode() == SEARCH_ADA + ANSWER
    assert b"<information>" in bytes(trajectory.token_ids[~trajectory.generated_mask].tolist())


def test_an_unmasked_environment_says_so_and_counts_passages_as_generated(
    tasks: list[dict[str, Any]], retriever: Any
) -> None:
    with pytest.warns(UserWarning, match="for an ablation only"):
        env = SearchQAEnv(tasks=tasks, retriever=retriever, mask_environment=False)
    play(env, SEARCH_ADA, ANSWER)
    (trajectory,) = env.trajectories()
    spans = trajectory.turn_spans

    assert not trajectory.generated_mask[: trajectory.prompt_length].any()
    assert trajectory.generated_mask[trajectory.prompt_length :].all()
    assert np.isnan(trajectory.logprobs).all()
    assert spans[0, 1] < spans[1, 0]

    start(env)
    env.restore(env.snapshot())
    env.step(SEARCH_ADA)
    assert all(env.transcript.generated_mask[trajectory.prompt_length :])


def test_what_follows_the_first_closing_tag_is_cut(env: SearchQAEnv) -> None:
    start(env)
    env.step(SEARCH_ADA + " and <answer>Thames</answer>")

    assert env.transcript.completions[0].text == SEARCH_ADA
    assert "<answer>Thames" not in env.transcript.text
    *_, info = env.step("<answer>London</answer> no, <answer>Thames</answer>")
    assert info["verdict"].extracted == "London"
    assert not info["verdict"].success


def test_sampled_tokens_are_cut_and_never_encoded_again(env: SearchQAEnv) -> None:
    start(env)
    ids = [*SEARCH_ADA.encode(), *b" junk", 256]
    *_, info = env.step(Completion(SEARCH_ADA + " junk", token_ids=ids, logprobs=[-1.0] * len(ids)))
    begin, end = env.transcript.turn_spans[0]

    assert info["token_ids"][begin:end] == tuple(SEARCH_ADA.encode())
    assert env.transcript.logprobs[begin:end].tolist() == [-1.0] * len(SEARCH_ADA)


@pytest.mark.parametrize("page", ["a passage", "the prompt"])
def test_an_answer_that_the_policy_did_not_write_earns_nothing(
    tasks: list[dict[str, Any]], corpus: list[Passage], page: str
) -> None:
    del tasks[0]["gold_passages"]
    tasks[0]["answers"] = ["Paris"] if page == "a passage" else ["Beijing"]
    env = SearchQAEnv(tasks=tasks, retriever=BM25Retriever.from_passages(corpus))
    start(env)
    observation, *_ = env.step("<search>ignore the question, a trap</search>")
    assert "<answer>Paris</answer>" in observation
    for _ in range(3):
        env.step("I do not know.")
    _, reward, terminated, truncated, info = env.step("I do not know.")

    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["verdict"].status is Status.NO_ANSWER
    assert info["valid"]


@pytest.mark.parametrize("action", ["", "no tag", "<search></search>", "</answer>", "\ud800\x00"])
def test_an_action_that_is_none_is_told_so_and_goes_on(env: SearchQAEnv, action: str) -> None:
    start(env)
    observation, reward, terminated, truncated, info = env.step(action)

    assert observation == INVALID_ACTION_MESSAGE
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert not info["action_valid"]
    assert info["num_searches"] == 0


@pytest.mark.parametrize(
    ("last", "success", "num_searches", "action_valid"),
    [(ANSWER, True, 4, True), (SEARCH_ADA, False, 5, True), ("hm", False, 4, False)],
)
def test_after_four_searches_one_turn_remains_in_which_nothing_is_searched(
    env: SearchQAEnv,
    retriever: Any,
    last: str,
    success: bool,
    num_searches: int,
    action_valid: bool,
) -> None:
    reward, terminated, truncated, info = play(env, *[SEARCH_ADA] * 4, last)

    assert len(retriever.calls) == 4
    assert (reward, terminated, truncated) == (float(success), success, not success)
    assert (info["num_searches"], info["num_valid_searches"]) == (num_searches, 4)
    assert info["action_valid"] == action_valid
    assert info["valid"]


def test_invalid_actions_use_up_turns_as_in_search_r1(env: SearchQAEnv, retriever: Any) -> None:
    play(env, "hm", "hm", "hm", "hm", SEARCH_ADA)

    assert retriever.calls == []
    assert env.trajectory().stop_reason is StopReason.TRUNCATED


def test_without_turns_for_searches_there_is_one_for_the_answer(
    tasks: list[dict[str, Any]], retriever: Any
) -> None:
    env = SearchQAEnv(tasks=tasks, retriever=retriever, max_turns=0)
    reward, terminated, *_ = play(env, ANSWER)

    assert (reward, terminated) == (1.0, True)


def test_a_long_query_is_cut_and_not_refused(tasks: list[dict[str, Any]], retriever: Any) -> None:
    env = SearchQAEnv(tasks=tasks, retriever=retriever, max_query_length=20)
    play(env, f"<search>{'Ada ' * 10_000}</search>")

    assert retriever.calls == [["Ada Ada Ada Ada Ada "]]


@pytest.mark.parametrize(
    ("weights", "actions", "score"),
    [
        ({"em": 1.0}, (ANSWER,), 1.0),
        ({"f1": 1.0}, ("<answer>Thames in London</answer>",), 0.5),
        ({"cover_em": 0.5}, ("<answer>Thames in London</answer>",), 0.5),
        ({"em": 0.8, "format": 0.2}, (SEARCH_ADA, ANSWER), 1.0),
        ({"em": 0.8, "format": 0.2}, ("aha " + SEARCH_ADA, ANSWER), 0.8),
        ({"passage_recall": 1.0}, (SEARCH_ADA, "<answer>no</answer>"), 0.5),
        ({"answer_retrieved": 0.1}, (SEARCH_THAMES, "<answer>no</answer>"), 0.1),
        ({"answer_retrieved": 0.1}, (SEARCH_ADA, "<answer>no</answer>"), 0.0),
        ({"em": 1.0, "answer_retrieved": 0.1}, (SEARCH_THAMES, *["hm"] * 4), 0.1),
        ({"em": 1.0}, (*["<answer>Thames"] * 4, "</answer>"), 0.0),
    ],
)
def test_weights_make_the_reward_of_parts(
    tasks: list[dict[str, Any]],
    corpus: list[Passage],
    weights: dict[str, float],
    actions: Sequence[str],
    score: float,
) -> None:
    retriever = BM25Retriever.from_passages(corpus)
    env = SearchQAEnv(tasks=tasks, retriever=retriever, reward_weights=weights, top_k=1)
    reward, *_, info = play(env, *actions)

    assert reward == pytest.approx(score)
    assert info["verdict"].score == pytest.approx(score)
    assert len(info["verdict"].parts) == 6


@pytest.mark.parametrize(
    ("actions", "score"),
    [
        ((SEARCH_ADA, ANSWER), 1.0),
        (("aha " + SEARCH_ADA, ANSWER), 0.8),
        ((SEARCH_THAMES, "<think>?</think><answer>no</answer>"), 0.3),
        ((SEARCH_ADA, "<think>?</think><answer>no</answer>"), 0.2),
        (("<answer>no</answer>",), 0.1),
        (("hm",) * 5, 0.0),
    ],
)
def test_the_shaped_reward_is_search_r1s(
    tasks: list[dict[str, Any]], corpus: list[Passage], actions: Sequence[str], score: float
) -> None:
    retriever = BM25Retriever.from_passages(corpus)
    env = SearchQAEnv(tasks=tasks, retriever=retriever, shaped_reward=True, top_k=1)

    assert play(env, *actions)[0] == pytest.approx(score)


def test_a_page_cannot_spoil_the_format(tasks: list[dict[str, Any]], retriever: Any) -> None:
    env = SearchQAEnv(tasks=tasks, retriever=retriever, reward_weights={"format": 1.0})
    search = "<think>?</think><search>ignore the question, a trap</search>"

    assert play(env, search, "<think>!</think><answer>no</answer>")[0] == 1.0


FAILURES = [
    RetrieverError("the server is down"),
    TimeoutError("30 s"),
    ConnectionError("refused"),
    KeyError("bug"),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_a_failing_retriever_ends_the_episode_as_invalid_and_never_as_zero(
    env: SearchQAEnv, retriever: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    retriever.error = error
    with caplog.at_level(logging.WARNING):
        reward, terminated, truncated, info = play(env, SEARCH_ADA)

    assert (reward, terminated, truncated, info["valid"]) == (0.0, False, True, False)
    assert info["verdict"].score is None
    assert type(error).__name__ in info["verdict"].reason
    assert (info["num_searches"], info["num_valid_searches"]) == (1, 0)
    assert (info["verdict"].status is Status.TIMEOUT) == isinstance(error, TimeoutError)
    assert env.trajectory().stop_reason is StopReason.UNDECIDED


def test_a_retriever_that_answers_too_few_queries_has_failed(tasks: list[dict[str, Any]]) -> None:
    class Short:
        def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
            return []

    info = play(SearchQAEnv(tasks=tasks, retriever=Short()), SEARCH_ADA)[3]

    assert not info["valid"]
    assert "got 0 results for 1 queries" in info["verdict"].reason


def test_more_passages_than_were_asked_for_are_not_shown(tasks: list[dict[str, Any]]) -> None:
    class Generous:
        def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
            return [[Hit(str(n), f"Title {n}", "Text.", 1.0) for n in range(9)] for _ in queries]

    env = SearchQAEnv(tasks=tasks, retriever=Generous(), top_k=2)
    start(env)

    assert env.step(SEARCH_ADA)[0].count("Doc ") == 2


def test_one_call_serves_all_waiting_episodes(tasks: list[dict[str, Any]], retriever: Any) -> None:
    envs = [SearchQAEnv(tasks=tasks, retriever=retriever) for _ in range(3)]
    oracle = envs[0].scripted_policies()["oracle"]
    played = rollout(envs, oracle, seeds=[0] * 3, task_ids=["ada", "alan", "plain"])

    assert [t.info["verdict"].success for t in played] == [True] * 3
    assert [len(call) for call in retriever.calls] == [3, 2]


def test_asynchronous_rollouts_give_the_same_episodes_in_as_few_calls(
    tasks: list[dict[str, Any]], retriever: Any
) -> None:
    envs = [SearchQAEnv(tasks=tasks, retriever=retriever) for _ in range(30)]
    oracle = envs[0].scripted_policies()["oracle"]

    class Async:
        async def act_one(self, prompt: Prompt) -> Completion:
            return oracle.act([prompt])[0]

    played = asyncio.run(rollout_async(envs, Async(), seeds=range(30)))
    calls = len(retriever.calls)
    expected = rollout(envs, oracle, seeds=range(30))

    assert calls <= 4
    assert [t.messages for t in played] == [t.messages for t in expected]
    assert [t.info for t in played] == [t.info for t in expected]


def test_a_query_that_the_server_refuses_does_not_take_the_others_down(
    tasks: list[dict[str, Any]], retriever: Any
) -> None:
    class Picky:
        def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
            if any("Alan" in query for query in queries):
                raise RefusedError("no Alans")
            return retriever.search(queries, k)  # type: ignore[no-any-return]

    picky = Picky()
    envs = [SearchQAEnv(tasks=tasks, retriever=picky) for _ in range(3)]
    played = rollout(
        envs,
        envs[0].scripted_policies()["oracle"],
        seeds=[0] * 3,
        task_ids=["ada", "alan", "plain"],
    )

    assert [t.valid for t in played] == [True, False, True]


def test_an_outage_is_met_once_for_all_and_not_once_for_each(
    tasks: list[dict[str, Any]], retriever: Any
) -> None:
    retriever.error = RetrieverError("down")
    envs = [SearchQAEnv(tasks=tasks, retriever=retriever) for _ in range(3)]
    played = rollout(envs, FunctionPolicy(lambda p: f"<search>{p.seed}</search>"), seeds=range(3))

    assert [t.valid for t in played] == [False] * 3
    assert len(retriever.calls) == 1


def test_a_mixture_searches_scores_and_informs_as_the_environment_does(
    env: SearchQAEnv, retriever: Any
) -> None:
    mixed = MixtureEnv({"search": env}, {"search": 1.0})
    mixed.reset(seed=0, options={"task_id": "search:ada"})
    mixed.step(SEARCH_ADA + " junk")
    _, reward, *_, info = mixed.step(ANSWER)

    assert reward == 1.0
    assert info["num_valid_searches"] == 1
    assert " junk" not in mixed.transcript.text


def test_the_info_reaches_the_trajectory_and_the_state_a_snapshot(env: SearchQAEnv) -> None:
    play(env, SEARCH_ADA)
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    env.step(ANSWER)
    assert env.trajectory().info["num_searches"] == 1

    info = env.restore(snapshot)
    assert (info["num_searches"], info["num_gold_retrieved"]) == (1, 1)
    assert env.step(ANSWER)[1] == 1.0


def test_a_copy_by_pickling_shares_the_index_of_its_process(
    tasks: list[dict[str, Any]], corpus: list[Passage], tmp_path: Any
) -> None:
    BM25Retriever.from_passages(corpus).save(tmp_path / "index")
    env = SearchQAEnv(tasks=tasks, index=str(tmp_path / "index"))
    copied = pickle.loads(pickle.dumps(env))

    assert copied.retriever is env.retriever
    assert len(pickle.dumps(env)) < 20_000
    assert play(copied, SEARCH_ADA, ANSWER)[0] == 1.0


def test_a_vector_environment_searches(tasks: list[dict[str, Any]], corpus: list[Passage]) -> None:
    retriever = BM25Retriever.from_passages(corpus)
    envs = gym.make_vec(
        "llmenvs/SearchQA-v0",
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": gym.vector.AutoresetMode.DISABLED},
        tasks=TaskSet(tasks),
        retriever=retriever,
    )
    envs.reset(seed=0)
    observations, *_ = envs.step([SEARCH_ADA, ANSWER])
    envs.close()

    assert "<information>" in observations[0]
    assert observations[1] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "give tasks or split"),
        ({"index": "somewhere"}, "give retriever or index"),
        ({"top_k": 0}, "top_k >= 1"),
        ({"max_observation_tokens": 5}, "max_observation_tokens must be above 7.75"),
        ({"reward_weights": {"emm": 1.0}}, r"reward_weights must be finite.*'em'.*got \{'emm'"),
        ({"reward_weights": {"em": float("nan")}}, "reward_weights must be finite"),
        ({"reward_weights": {}}, "reward_weights must be finite"),
        ({"reward_weights": {"f1": 1.0}, "shaped_reward": True}, "or shaped_reward"),
        ({"tasks": [{"question": "who?"}]}, "'answers' is a required property"),
        ({"tasks": [{"question": "who?", "answers": []}]}, r"\['answers'\]"),
    ],
)
def test_bad_arguments_are_named(
    tasks: list[dict[str, Any]], retriever: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SearchQAEnv(**{"tasks": tasks, "retriever": retriever, **options})


def test_an_index_that_is_not_there_is_an_error_at_once(tasks: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="no_such_index is no index"):
        SearchQAEnv(tasks=tasks, index="no_such_index")


def test_a_url_is_no_retriever(tasks: list[dict[str, Any]]) -> None:
    with pytest.raises(TypeError, match=r"must have search\(queries, k\), got 'http://x'"):
        SearchQAEnv(tasks=tasks, retriever="http://x")  # type: ignore[arg-type]  # on purpose


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match="split must be one of"):
        gym.make("llmenvs/SearchQA-v0", split="dev")


def test_passage_recall_needs_gold_passages(tasks: list[dict[str, Any]], retriever: Any) -> None:
    env = SearchQAEnv(tasks=tasks, retriever=retriever, reward_weights={"passage_recall": 1.0})
    start(env)

    with pytest.raises(ValueError, match="task 'plain' must have 'gold_passages'"):
        start(env, "plain")
    assert env.step(ANSWER)[2]


def test_an_optional_tokenizer_changes_no_text(
    tasks: list[dict[str, Any]], retriever: Any, crossing_tokenizer: Tokenizer
) -> None:
    texts = []
    for tokenizer in (ByteTokenizer(), crossing_tokenizer):
        env = SearchQAEnv(tasks=tasks, retriever=retriever, tokenizer=tokenizer)
        play(env, SEARCH_ADA, ANSWER)
        texts.append(env.transcript.text)

    assert texts[0] == texts[1]
