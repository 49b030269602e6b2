r"""Search-R1's protocol: what the prompt says, what an action is, how passages are shown.

Source: Search-R1 (Jin et al., 2025), ``scripts/data_process/nq_search.py`` and
``search_r1/llm_agent/generation.py``. Where this deviates:

- The tag that counts is the last opening one before the first closing one, not the first of all, so
  that a thought may mention ``<search>``.
- A search without a query is an invalid action, not a search for nothing.
- Passages that are too long are cut so that the closing ``</information>`` stays.
"""

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from llmenvs.retrievers.retriever import Hit
from llmenvs.stop_strings import end_of_first_stop
from llmenvs.templates import check_template
from llmenvs.tokenizers import ByteTokenizer, Tokenizer

PROMPT_TEMPLATE = (
    "Answer the given question. "
    "You must conduct reasoning inside <think> and </think> first every time you get new "
    "information. After reasoning, if you find you lack some knowledge, you can call a search "
    "engine by <search> query </search> and it will return the top searched results between "
    "<information> and </information>. You can search as many times as your want. If you find no "
    "further external knowledge needed, you can directly provide the answer inside <answer> and "
    "</answer>, without detailed illustrations. For example, <answer> Beijing </answer>. "
    "Question: {question}\n"
)
INVALID_ACTION_MESSAGE = (
    "\nMy previous action is invalid. If I want to search, I should put the query between <search> "
    "and </search>. If I want to give the final answer, I should put the answer between <answer> "
    "and </answer>. Let me try again.\n"
)
PASSAGE_TEMPLATE = 'Doc {number}(Title: "{title}") {text}\n'
STOP_STRINGS = ("</search>", "</answer>")
BYTES_PER_TOKEN = 4
"""About what a token of a language model holds, so that a limit means the same with bytes."""


class ActionKind(StrEnum):
    """What an action asks for."""

    SEARCH = "search"
    ANSWER = "answer"
    INVALID = "invalid"


class ParsedAction(NamedTuple):
    """An action as it is understood.

    Attributes:
        kind: what it asks for.
        content: the query or the answer, stripped; empty where the action is invalid.
    """

    kind: ActionKind
    content: str


def parse_action(action: str) -> ParsedAction:
    """Read an action; what follows its first ``</search>`` or ``</answer>`` does not count.

    >>> parse_action("<think>Who?</think><search> Ada Lovelace </search> and <answer>")
    ParsedAction(kind=<ActionKind.SEARCH: 'search'>, content='Ada Lovelace')
    """
    end = end_of_first_stop(action, STOP_STRINGS)
    if end is None:
        return ParsedAction(ActionKind.INVALID, "")
    kind = ActionKind.SEARCH if action.endswith("</search>", 0, end) else ActionKind.ANSWER
    opening = f"<{kind}>"
    start = action.rfind(opening, 0, end)
    content = action[start + len(opening) : end - len(opening) - 1].strip()
    if start < 0 or (kind is ActionKind.SEARCH and not content):
        return ParsedAction(ActionKind.INVALID, "")
    return ParsedAction(kind, content)


@dataclass(frozen=True, slots=True)
class SearchProtocol:
    """The settings of the protocol, by default those of Search-R1.

    Attributes:
        top_k: passages a search, at least 1.
        max_turns: turns in which a search is run, at least 0; one more may follow.
        max_observation_tokens: of the observation that shows passages; see `num_tokens`.
        max_query_length: of a query, in characters, at least 1.
        prompt_template: a format string with ``{question}``.
        passage_template: a format string with ``{number}``, ``{title}`` and ``{text}``.
        invalid_action_message: the observation after an action that is none.
    """

    top_k: int = 3
    max_turns: int = 4
    max_observation_tokens: int = 500
    max_query_length: int = 2_000
    prompt_template: str = PROMPT_TEMPLATE
    passage_template: str = PASSAGE_TEMPLATE
    invalid_action_message: str = INVALID_ACTION_MESSAGE

    def __post_init__(self) -> None:
        if self.top_k < 1 or self.max_turns < 0 or self.max_query_length < 1:
            raise ValueError(
                "need top_k >= 1, max_turns >= 0 and max_query_length >= 1, got "
                f"top_k={self.top_k}, max_turns={self.max_turns} and "
                f"max_query_length={self.max_query_length}"
            )
        check_template(self.prompt_template, fields=("question",))
        check_template(self.passage_template, fields=("number", "title", "text"))

    def check_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Raise a ValueError if an observation has no room for passages."""
        tags = num_tokens(_information(""), tokenizer)
        if self.max_observation_tokens <= tags:
            raise ValueError(
                f"max_observation_tokens must be above {tags:g}, which the tags alone take, "
                f"got {self.max_observation_tokens}"
            )

    def observation(self, hits: Sequence[Hit], tokenizer: Tokenizer, *, max_length: int) -> str:
        """Return what shows ``hits``, best first, the last ones cut to fit.

        Args:
            hits: what a search found.
            tokenizer: counts the tokens.
            max_length: in characters.
        """
        texts = (
            self.passage_template.format(number=number, title=hit.title, text=hit.text)
            for number, hit in enumerate(hits, start=1)
        )
        passages = "".join(texts).strip()
        low, high = 0, min(len(passages), max_length - len(_information("")))
        whole = _information(passages[:high])
        if num_tokens(whole, tokenizer) <= self.max_observation_tokens:
            return whole
        while high - low > 1:
            middle = (low + high) // 2
            count = num_tokens(_information(passages[:middle]), tokenizer)
            low, high = (middle, high) if count <= self.max_observation_tokens else (low, middle)
        return _information(passages[:low])


def _information(passages: str) -> str:
    return f"\n\n<information>{passages}</information>\n\n"


def num_tokens(text: str, tokenizer: Tokenizer) -> float:
    """Return how many tokens ``text`` counts as in a limit; of bytes four are one."""
    if isinstance(tokenizer, ByteTokenizer):
        return len(text.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN
    return len(tokenizer.encode(text))


def passage_pattern(passage_template: str) -> re.Pattern[str]:
    r"""Return the pattern of a passage in an observation, with its ``title`` and ``text``.

    >>> found = passage_pattern(PASSAGE_TEMPLATE).search('Doc 1(Title: "Ada (poet)") She wrote.\n')
    >>> found["title"], found["text"]
    ('Ada (poet)', 'She wrote.')
    """
    parts, seen = [], set()
    for literal, field, _, _ in string.Formatter().parse(passage_template):
        parts.append(re.escape(literal))
        if field is not None:
            parts.append(rf"(?P={field})" if field in seen else _FIELDS[field])
            seen.add(field)
    whole = "".join(parts).removesuffix(re.escape("\n"))
    return re.compile(f"^{whole}$", re.MULTILINE)


_FIELDS = {"number": r"(?P<number>\d+)", "title": r"(?P<title>.*?)", "text": r"(?P<text>.*)"}
