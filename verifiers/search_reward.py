"""Search-R1's format-shaped reward, as functions of what they need.

Source: ``verl/utils/reward_score/qa_em_format.py`` of Search-R1 (PeterGriffinJin/Search-R1, v0.3)
with the settings of its scripts. An episode is well formed if it is (think, search, information)
any number of times, then think, then answer, with nothing but whitespace in between.

| | well formed | not |
|---|---|---|
| right | 1.0 | 0.8 |
| wrong, a gold was retrieved | 0.3 | 0.1 |
| wrong | 0.2 | 0.1 |
| no answer | as wrong | 0.0 |

Deviations: the answer is the policy's own (Search-R1 also reads its prompt), an end-of-turn mark
after the answer does not spoil the form, and a gold that normalises to nothing counts as retrieved
in no page (Search-R1: in every page).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmenvs.verifiers.answer_metrics import normalize_answer
from llmenvs.verifiers.answer_spans import assistant_text

_TAG = re.compile(r"(</?(?:think|search|information|answer)>)")
_TURN_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>")
_NEXT_STATE = {
    ("start", "<think>"): "in think",
    ("informed", "<think>"): "in think",
    ("in think", "</think>"): "thought",
    ("thought", "<search>"): "in search",
    ("in search", "</search>"): "searched",
    ("searched", "<information>"): "in information",
    ("in information", "</information>"): "informed",
    ("thought", "<answer>"): "in answer",
    ("in answer", "</answer>"): "end",
}


@dataclass(frozen=True, slots=True)
class SearchRewards:
    """The amounts of the reward, by default those of Search-R1.

    Attributes:
        right: a right answer in a well-formed episode.
        structure: a well-formed episode with a wrong answer; also what a right answer loses where
            the episode is not well formed.
        final_format: a wrong answer in an episode that is not well formed.
        retrieval: added to ``structure`` if a gold stands in a retrieved page.
    """

    right: float = 1.0
    structure: float = 0.2
    final_format: float = 0.1
    retrieval: float = 0.1


SEARCH_R1 = SearchRewards()


def search_reward(
    *,
    correct: bool | None,
    well_formed: bool,
    retrieved: bool = False,
    rewards: SearchRewards = SEARCH_R1,
) -> float:
    """Return the reward of an episode, 0.0 to 1.0 by default.

    Args:
        correct: whether its answer equals a gold; None if it has no answer.
        well_formed: as from `is_well_formed_episode` or `is_well_formed_transcript`.
        retrieved: whether a gold was retrieved, as from `holds_gold`; it pays only in a well-formed
            episode without the right answer.
        rewards: the amounts.

    >>> search_reward(correct=True, well_formed=False)
    0.8
    """
    if correct:
        return rewards.right if well_formed else rewards.right - rewards.structure
    if well_formed:
        return rewards.structure + (rewards.retrieval if retrieved else 0.0)
    return 0.0 if correct is None else rewards.final_format


def is_well_formed_transcript(transcript: str) -> bool:
    """Return whether what follows the prompt is a well-formed episode, retrieved pages included.

    A text does not say who wrote its ``<information>``. Where the turns are known, use
    `is_well_formed_episode`. The cost is linear.

    >>> is_well_formed_transcript("<think> Easy. </think> <answer> Rome </answer>")
    True
    """
    text = assistant_text(transcript).strip()
    for mark in _TURN_ENDS:
        text = text.removesuffix(mark).rstrip()
    state = "start"
    for index, part in enumerate(_TAG.split(text)):
        if index % 2:  # split() alternates between text and tags
            if (state, part) not in _NEXT_STATE:
                return False
            state = _NEXT_STATE[state, part]
        elif not state.startswith("in ") and part.strip():
            return False
    return state == "end"


def is_well_formed_episode(turns: Sequence[str]) -> bool:
    """Return the same for an episode by turns, between any two of which stands a retrieved page.

    Args:
        turns: what the policy wrote, turn by turn, without what it was given. A turn in which the
            policy itself writes ``<information>`` is not well formed, whatever it pretends.

    >>> search = "<think> ? </think> <search> capital of Italy </search>"
    >>> is_well_formed_episode([search, "<think> so </think> <answer> Rome </answer>"])
    True
    """
    if any("<information>" in turn or "</information>" in turn for turn in turns):
        return False
    return is_well_formed_transcript("<information></information>".join(turns))


def holds_gold(pages: Sequence[str], golds: Sequence[str]) -> bool:
    """Return whether a gold, normalised, is part of a page, normalised: Search-R1's rule.

    >>> holds_gold(["Rome is the capital of Italy."], ["rome"])
    True
    """
    normalized = [normalize_answer(gold) for gold in golds]
    wanted = [gold for gold in normalized if gold]
    return any(gold in page for page in map(normalize_answer, pages) for gold in wanted)
