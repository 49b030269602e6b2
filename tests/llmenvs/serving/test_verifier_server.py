"""A served verifier gives the verdicts that it gives here, in the protocols of two trainers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmenvs.serving.errors import ServiceError
from llmenvs.serving.verifier_app import END_TOKENS, completion_of
from llmenvs.verifiers import AnswerVerifier, MathVerifier, score_many

PARIS = "<answer>Paris</answer>"
ROWS = [("the answer is \\boxed{4}", "4"), ("\\boxed{5}", "4"), ("no idea", "4"), ("", "4")]


@pytest.fixture(scope="module")
def answer_server(tmp_path_factory: pytest.TempPathFactory, env_server: Any) -> Iterator[Any]:
    """A server of the answer verifier, with labels as JSON."""
    folder = tmp_path_factory.mktemp("verifier")
    words = ("verifier", "answer", "--workers", "0", "--json-targets", "--max-rows", "8")
    server = type(env_server)(folder, *words)
    yield server
    server.kill()


def test_verdicts_are_those_of_the_verifier_here(serve: Any) -> None:
    server = serve("verifier", "math", "--workers", "1")
    completions, targets = zip(*ROWS, strict=True)
    expected = [v.to_dict() for v in score_many(MathVerifier(), completions, targets)]
    batch = {"completions": completions, "targets": targets}
    verdicts = server.post("/score_batch", batch).json()["verdicts"]
    one = server.post("/score", {"completion": ROWS[0][0], "target": ROWS[0][1]}).json()

    assert [{k: v for k, v in got.items() if k != "schema_version"} for got in verdicts] == expected
    assert one == verdicts[0]
    assert server.get("/health").json()["verifier"] == "math"
    assert 'endpoint="/score_batch",status="200"' in server.get("/metrics").text


def test_an_undecided_row_is_null_in_every_protocol_and_spoils_no_other(
    answer_server: Any,
) -> None:
    bad = {"a target": "that is no list"}
    verdict = answer_server.post("/score", {"completion": "x", "target": bad}).json()
    both = {"completions": [PARIS, PARIS], "targets": [bad, ["Paris"]]}
    scores = [v["score"] for v in answer_server.post("/score_batch", both).json()["verdicts"]]
    label = json.dumps(bad)
    one = answer_server.post("/get_reward", {"query": ["x"], "labels": [label]}).json()
    two = {"query": [PARIS, PARIS], "labels": [label, '["Paris"]']}
    list_of_two = answer_server.post("/get_reward", two).json()
    verl = {"solution_str": "x", "ground_truth": label, "data_source": "d", "extra_info": {}}
    told = answer_server.post("/compute_score", verl).json()

    assert (verdict["score"], verdict["success"], verdict["status"]) == (None, None, "error")
    assert "target" in verdict["reason"]
    assert scores == [None, 1.0]
    assert (one["rewards"], one["scores"]) == (None, None)
    assert one["extra_logs"]["undecided"] == [1.0]
    assert list_of_two["rewards"] == [None, 1.0]
    assert (told["score"], told["acc"], told["undecided"]) == (None, None, 1.0)


def test_openrlhf_gets_the_scores_of_what_the_policy_wrote(answer_server: Any) -> None:
    prompt = "<|im_start|>user\nIs it Paris?<|im_end|>\n<|im_start|>assistant\n"
    request = {
        "query": [f"{prompt}{PARIS}<|im_end|>", f"<s>{prompt}<answer>London</answer></s>"],
        "prompts": [prompt, prompt],
        "labels": ['["Paris"]', '["Paris"]'],
    }
    reply = answer_server.post("/get_reward", request).json()

    assert reply["rewards"] == reply["scores"] == [1.0, 0.0]
    assert reply["extra_logs"] == {"success": [1.0, 0.0], "undecided": [0.0, 0.0]}
    assert AnswerVerifier(metric="em")(PARIS, ["Paris"]).score == 1.0


def test_verl_gets_what_its_reward_function_may_return(answer_server: Any) -> None:
    request = {"solution_str": PARIS, "ground_truth": '["Paris"]', "extra_info": {"index": 3}}
    reply = answer_server.post("/compute_score", {**request, "data_source": "nq"}).json()

    assert (reply["score"], reply["acc"], reply["undecided"]) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("path", "payload", "message"),
    [
        ("/score", {"target": "4"}, "completion"),
        ("/score", {"completion": 4}, "Expected `str`, got `int`"),
        ("/score", {"completion": "", "traget": 1}, "unknown field `traget`"),
        ("/score_batch", {"completions": ["a"], "targets": []}, "as many as completions"),
        ("/score_batch", {"completions": ["a"] * 9}, "completions may be 8, got 9"),
        ("/get_reward", {"query": ["a"], "labels": ["no json"]}, "a target must be JSON"),
        ("/get_reward", {"query": ["a b"], "prompts": ["c"]}, "must begin with its prompt"),
    ],
)
def test_a_wrong_request_is_refused_with_what_is_wrong(
    answer_server: Any, path: str, payload: Any, message: str
) -> None:
    response = answer_server.post(path, payload)

    assert response.status_code == 422
    assert message in response.json()["detail"]


@pytest.mark.parametrize(
    ("query", "prompt", "completion"),
    [
        ("1+1? 2", "1+1?", " 2"),
        ("<s>1+1? 2</s></s>", "1+1?", " 2"),
        ("[BOS]1+1?2", "1+1?", "2"),
        ("2<|im_end|>", None, "2"),
        ("1+1?1+1?", "1+1?", "1+1?"),
        ("a</s>b", "", "a</s>b"),
    ],
)
def test_the_completion_is_what_follows_the_prompt(
    query: str, prompt: str | None, completion: str
) -> None:
    assert completion_of(query, prompt, end_tokens=END_TOKENS) == completion


@pytest.mark.parametrize("query", ["Paris? 1+1? 2", "", "x<s>1+1?"])
def test_a_query_that_does_not_begin_with_its_prompt_is_refused(query: str) -> None:
    with pytest.raises(ServiceError, match="must begin with its prompt"):
        completion_of(query, "1+1?", end_tokens=END_TOKENS)
