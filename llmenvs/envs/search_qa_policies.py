"""Scripted policies of the search environment: oracle, random, no-op and no-search.

The oracle knows how a question is taken apart, and no fact: it searches for each hop, and reads the
hop's answer out of the passages that came back.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from llmenvs.envs.search_qa_protocol import passage_pattern
from llmenvs.policy import FunctionPolicy, Policy, Prompt
from llmenvs.tasks import Task
from llmenvs.verifiers.answer import normalize_answer
from llmenvs.verifiers.search_reward import holds_gold

HopAnswer = str | Sequence[str]
"""What a hop's passage states: a text, or the members of a list."""

_REFERENCE = re.compile(r"#(\d+)")
_WORD = re.compile(r"\w+")
_UNKNOWN = "unknown"


def scripted_policies(
    tasks: Callable[[], Iterable[Task]],
    task_of: Callable[[Prompt], Task],
    *,
    passage_template: str,
) -> dict[str, Policy]:
    """Return ``oracle``, ``random``, ``noop`` and ``no_search``.

    Args:
        tasks: lists the tasks, from which the no-search policy takes its guesses.
        task_of: finds the task that a prompt asks about.
        passage_template: how the environment shows passages.
    """
    pattern = passage_pattern(passage_template)

    def oracle(prompt: Prompt) -> str:
        shown = [m["content"] for m in prompt.messages[1:] if m["role"] != "assistant"]
        results = [
            [match["text"] for match in pattern.finditer(_inside(content))] for content in shown
        ]
        return oracle_action(task_of(prompt), results)

    @cache
    def guesses() -> dict[str, str]:
        return closed_book_guesses(tasks())

    def no_search(prompt: Prompt) -> str:
        return write_answer(guesses().get(_relation(task_of(prompt)), _UNKNOWN))

    return {
        "oracle": FunctionPolicy(oracle),
        "random": FunctionPolicy(random_action),
        "noop": FunctionPolicy(lambda prompt: ""),
        "no_search": FunctionPolicy(no_search),
    }


def oracle_action(task: Task, results: Sequence[Sequence[str]]) -> str:
    """Return the search of the next hop, or the answer once every hop has one.

    Args:
        task: with ``hops``; without, the question itself is the only one.
        results: of each search so far, the texts of the passages that it returned.
    """
    answers: list[HopAnswer] = []
    for texts in results:
        read = (read_hop(task, answers, text) for text in texts)
        answer = next((found for found in read if found is not None), None)
        if answer is None:
            return write_answer(_UNKNOWN)
        answers.append(answer)
    if len(answers) < max(1, len(task.get("hops", ()))):
        return write_search(query_of_hop(task, answers))
    return write_answer(answer_of(task, answers))


def query_of_hop(task: Task, answers: Sequence[HopAnswer]) -> str:
    """Return the query of the hop after those with ``answers``; ``#1`` is the first one's."""
    if _is_bundled(task):
        from llmenvs.data.search_qa import next_query

        return next_query(task, answers)
    if not task.get("hops"):
        return str(task["question"])
    question: str = task["hops"][len(answers)]["question"]
    return _REFERENCE.sub(lambda match: _referred(answers, match), question)


def read_hop(task: Task, answers: Sequence[HopAnswer], text: str) -> HopAnswer | None:
    """Return the answer of the hop after those with ``answers`` where ``text`` states it.

    A bundled question names the relation, by whose wordings the text is read. Of other questions
    the answers are known, and the text must hold one of them.
    """
    if _is_bundled(task):
        from llmenvs.data.search_qa import read_hop_answer

        return read_hop_answer(task, answers, text)
    hops = task.get("hops", ())
    last = len(answers) >= len(hops) - 1
    known = [hops[len(answers)]["answer"]] if hops and "answer" in hops[len(answers)] else []
    candidates = [*known, *(task["answers"] if last else ())]
    return next((answer for answer in candidates if holds_gold([text], [answer])), None)


def answer_of(task: Task, answers: Sequence[HopAnswer]) -> str:
    """Return the answer to the question from those of all its hops."""
    if _is_bundled(task):
        from llmenvs.data.search_qa import final_answer

        return final_answer(task, answers)
    return str(answers[-1])


def closed_book_guesses(tasks: Iterable[Task]) -> dict[str, str]:
    """Return for each relation that is asked for last the most frequent answer."""
    counts: dict[str, Counter[str]] = {}
    spelled: dict[str, str] = {}
    for task in tasks:
        answer = task["answers"][0]
        key = normalize_answer(answer)
        spelled.setdefault(key, answer)
        counts.setdefault(_relation(task), Counter())[key] += 1
    return {relation: spelled[count.most_common(1)[0][0]] for relation, count in counts.items()}


def random_action(prompt: Prompt) -> str:
    """Return a search for two words of what was read, or one of them as the answer."""
    rng = np.random.default_rng(prompt.seed)
    words = _WORD.findall(prompt.text[-1000:]) or [_UNKNOWN]
    first, second = (words[i] for i in rng.integers(len(words), size=2))
    return write_search(f"{first} {second}") if rng.random() < 0.5 else write_answer(first)


def write_search(query: str) -> str:
    """Return an action that searches."""
    return f"<think>I look this up.</think>\n<search>{query}</search>"


def write_answer(answer: str) -> str:
    """Return an action that answers."""
    return f"<think>I have the answer.</think>\n<answer>{answer}</answer>"


def _is_bundled(task: Task) -> bool:
    hops: Sequence[Mapping[str, Any]] = task.get("hops", ())
    return bool(hops) and all("relation" in hop for hop in hops)


def _relation(task: Task) -> str:
    hops: Sequence[Mapping[str, Any]] = task.get("hops", ())
    return str(hops[-1].get("relation", "")) if hops else ""


def _referred(answers: Sequence[HopAnswer], match: re.Match[str]) -> str:
    number = int(match[1])
    return str(answers[number - 1]) if 1 <= number <= len(answers) else match[0]


def _inside(observation: str) -> str:
    return observation.strip().removeprefix("<information>").removesuffix("</information>")
