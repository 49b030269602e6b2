"""``llmenvs/SearchQA-v0``: answer a question with the help of a search engine, as in Search-R1."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from llmenvs.bundled_tasks import Split
from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.envs.search_qa_policies import scripted_policies
from llmenvs.envs.search_qa_protocol import (
    INVALID_ACTION_MESSAGE,
    PASSAGE_TEMPLATE,
    PROMPT_TEMPLATE,
    STOP_STRINGS,
    ActionKind,
    SearchProtocol,
    parse_action,
)
from llmenvs.envs.search_qa_retrieval import (
    PassageSearch,
    SearchFailure,
    bundled_retriever,
    open_index,
)
from llmenvs.envs.search_qa_reward import Evidence, SearchQAReward, stands_in
from llmenvs.envs.search_qa_tasks import TASK_SCHEMA, BundledQuestions
from llmenvs.lookups import Lookup, look_up
from llmenvs.policy import Policy, Prompt
from llmenvs.renderers import Renderer
from llmenvs.retrievers import Hit, Retriever
from llmenvs.tasks import Task, TaskSource, as_task_source
from llmenvs.transcript import Message
from llmenvs.verifiers import Status, Verdict

EXACT_MATCH: Mapping[str, float] = {"em": 1.0}
_MAX_OBSERVATION_LENGTH = 2**16
"""In characters, of the observation space; passages are cut to it too."""


@dataclass(frozen=True, slots=True)
class SearchState:
    """Where an episode stands.

    Attributes:
        task: the question.
        turns: what the policy wrote, turn by turn.
        num_searches: searches that it asked for.
        num_valid_searches: of these, those that were run and came back.
        gold_retrieved: ids of the gold passages among what came back.
        answer_retrieved: a gold answer stood in a passage that came back.
    """

    task: Task
    turns: tuple[str, ...] = ()
    num_searches: int = 0
    num_valid_searches: int = 0
    gold_retrieved: frozenset[str] = frozenset()
    answer_retrieved: bool = False


class SearchQAEnv(TextEnv[SearchState]):
    """Answer a question; searches are answered with passages, as in Search-R1.

    Action: ``<search>query</search>`` or ``<answer>answer</answer>``, after any thoughts. What
    follows the first closing tag is cut, as text and as tokens. An action that is neither gets a
    message that says so, and counts as a turn.
    Reward: 0.0 for each turn but the last, whose reward is the verdict's score: by default 1.0 for
    an exact match with one of the answers, else 0.0. Only what the policy wrote is read.
    Terminated: it answered. Truncated: after ``max_turns`` turns it neither answered in the one
    more turn in which nothing is searched, or a search failed through no fault of its own; then the
    episode is not valid.
    Hidden: the answers, the gold passages, the hops.

    Info:
        num_searches: searches that were asked for, the one that was not run among them.
        num_valid_searches: of these, those that were run and came back.
        num_gold_retrieved: gold passages among what came back.
        answer_retrieved: whether a gold answer stood in a passage that came back.

    Args:
        tasks: rows with ``question`` and ``answers``, and ``gold_passages`` and ``hops`` where they
            are known; the bundled questions by default.
        split: of the bundled questions, ``"train"`` (default) or ``"test"``.
        retriever: whom to ask; BM25 over the bundled corpus by default.
        index: instead of ``retriever``, an index directory of ``llmenvs index build``, or the URL
            of a server that speaks Search-R1's protocol.
        top_k: passages a search, at least 1.
        max_turns: turns in which a search is run, at least 0; one more may follow.
        max_observation_tokens: of what shows the passages, which are cut to it; of bytes four count
            as one.
        max_query_length: of a query, in characters; it is cut to it.
        prompt_template: a format string with ``{question}``.
        passage_template: a format string with ``{number}``, ``{title}`` and ``{text}``.
        invalid_action_message: what follows an action that is none.
        reward_weights: of the parts of the verdict, see `SearchQAReward`; exact match by default.
        shaped_reward: Search-R1's format-shaped reward instead of the weights.
        mask_environment: for an ablation alone: False counts passages as generated, so that a
            trainer trains on text that the policy did not write.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        render_mode: see `TextEnv`.

    Raises:
        ValueError: an argument is out of its range, or two that exclude each other are given.
        TypeError: ``retriever`` is none.

    >>> import gymnasium, llmenvs
    >>> from llmenvs.retrievers import BM25Retriever, Passage
    >>> corpus = [Passage("1", "Ada Lovelace", "A mathematician, born in London.")]
    >>> env = gymnasium.make(
    ...     "llmenvs/SearchQA-v0",
    ...     tasks=[{"question": "Where was Ada Lovelace born?", "answers": ["London"]}],
    ...     retriever=BM25Retriever.from_passages(corpus),
    ... )
    >>> question, info = env.reset(seed=0)
    >>> print(env.step("<search>Ada Lovelace</search>")[0].strip())
    <information>Doc 1(Title: "Ada Lovelace") A mathematician, born in London.</information>
    >>> env.step("<answer>London</answer>")[1:3]
    (1.0, True)
    """

    stop_strings: ClassVar[tuple[str, ...]] = STOP_STRINGS
    cuts_at_stop: bool = True

    def __init__(
        self,
        *,
        tasks: TaskSource | Iterable[Mapping[str, Any]] | None = None,
        split: Split | None = None,
        retriever: Retriever | None = None,
        index: str | None = None,
        top_k: int = 3,
        max_turns: int = 4,
        max_observation_tokens: int = 500,
        max_query_length: int = 2_000,
        prompt_template: str = PROMPT_TEMPLATE,
        passage_template: str = PASSAGE_TEMPLATE,
        invalid_action_message: str = INVALID_ACTION_MESSAGE,
        reward_weights: Mapping[str, float] = EXACT_MATCH,
        shaped_reward: bool = False,
        mask_environment: bool = True,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        render_mode: str | None = None,
    ) -> None:
        _check_choices(tasks, split, retriever, index)
        if shaped_reward and reward_weights is not EXACT_MATCH:
            raise ValueError("give reward_weights or shaped_reward: it has no weights")
        super().__init__(
            tasks=BundledQuestions(split or "train")
            if tasks is None
            else as_task_source(tasks, schema=TASK_SCHEMA),
            tokenizer=tokenizer,
            renderer=renderer,
            render_mode=render_mode,
            max_observation_length=_MAX_OBSERVATION_LENGTH,
        )
        self.protocol = SearchProtocol(
            top_k=top_k,
            max_turns=max_turns,
            max_observation_tokens=max_observation_tokens,
            max_query_length=max_query_length,
            prompt_template=prompt_template,
            passage_template=passage_template,
            invalid_action_message=invalid_action_message,
        )
        self.protocol.check_tokenizer(self.tokenizer)
        self.reward = SearchQAReward(reward_weights, shaped=shaped_reward)
        self.mask_environment = mask_environment
        if not mask_environment:
            warnings.warn(
                "mask_environment=False counts retrieved text as generated: for an ablation only",
                stacklevel=2,
            )
        self._given_retriever, self._index = retriever, index
        _ = self._search  # an index that is not there is an error here, not in the first search

    @property
    def retriever(self) -> Retriever:
        """Whom this environment asks."""
        return self._search.retriever

    @cached_property
    def _search(self) -> PassageSearch:
        if self._given_retriever is not None:
            return PassageSearch(self._given_retriever, self.protocol.top_k)
        found = bundled_retriever() if self._index is None else open_index(self._index)
        return PassageSearch(found, self.protocol.top_k)

    def begin_episode(self, task: Task) -> Opening[SearchState]:
        """Ask the question."""
        if "passage_recall" in self.reward.weights and not task.get("gold_passages"):
            raise ValueError(
                f"task {task['task_id']!r} must have 'gold_passages', since passage_recall has a "
                "weight"
            )
        prompt: Message = {
            "role": "user",
            "content": self.protocol.prompt_template.format(question=task["question"]),
        }
        return Opening(SearchState(task), [prompt])

    def plan_lookup(self, state: SearchState, action: str) -> Lookup | None:
        """Return the search that ``action`` asks for, where one may be run."""
        kind, content = parse_action(action)
        if kind is not ActionKind.SEARCH or len(state.turns) >= self.protocol.max_turns:
            return None
        return Lookup(self._search, content[: self.protocol.max_query_length])

    def take_turn(self, state: SearchState, action: str) -> Turn[SearchState]:
        """Search, answer, or say that the action is neither."""
        kind, _ = parse_action(action)
        after = replace(
            state,
            turns=(*state.turns, action),
            num_searches=state.num_searches + (kind is ActionKind.SEARCH),
        )
        if kind is ActionKind.ANSWER or len(state.turns) >= self.protocol.max_turns:
            return self._end(after, kind)
        lookup = self.plan_lookup(state, action)
        if lookup is None:
            return Turn(after, self.protocol.invalid_action_message, 0.0, action_valid=False)
        found = look_up(lookup)
        give = self._fail if isinstance(found, SearchFailure) else self._show
        return give(after, found)

    def _show(self, state: SearchState, hits: Sequence[Hit]) -> Turn[SearchState]:
        task = state.task
        gold = {hit.passage_id for hit in hits}.intersection(task.get("gold_passages", ()))
        texts = [f"{hit.title}\n{hit.text}" for hit in hits]
        after = replace(
            state,
            num_valid_searches=state.num_valid_searches + 1,
            gold_retrieved=state.gold_retrieved | gold,
            answer_retrieved=state.answer_retrieved or stands_in(texts, task["answers"]),
        )
        observation = self.protocol.observation(
            hits, self.tokenizer, max_length=_MAX_OBSERVATION_LENGTH
        )
        return Turn(after, observation, 0.0)

    def _fail(self, state: SearchState, failure: SearchFailure) -> Turn[SearchState]:
        status = Status.TIMEOUT if failure.timed_out else Status.ERROR
        verdict = Verdict.undecided(status, reason=failure.reason)
        return Turn(state, "", 0.0, truncated=True, verdict=verdict)

    def _end(self, state: SearchState, kind: ActionKind) -> Turn[SearchState]:
        gold = set(state.task.get("gold_passages", ()))
        evidence = Evidence(
            state.turns,
            answer_retrieved=state.answer_retrieved,
            passage_recall=len(state.gold_retrieved) / len(gold) if gold else None,
        )
        verdict = self.reward(state.turns[-1], state.task["answers"], evidence)
        answered = kind is ActionKind.ANSWER
        return Turn(
            state,
            "",
            verdict.score or 0.0,
            terminated=answered,
            truncated=not answered,
            action_valid=kind is not ActionKind.INVALID,
            verdict=verdict,
        )

    def state_info(self, state: SearchState) -> dict[str, Any]:
        """Return what the class docstring lists."""
        return {
            "num_searches": state.num_searches,
            "num_valid_searches": state.num_valid_searches,
            "num_gold_retrieved": len(state.gold_retrieved),
            "answer_retrieved": state.answer_retrieved,
        }

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``oracle`` (1.0), ``random`` and ``no_search`` (below 0.1) and ``noop`` (0.0).

        The oracle follows a task's ``hops`` and reads their answers out of the passages;
        ``no_search`` answers at once, with the most frequent answer of the relation.
        """
        return scripted_policies(
            self._listed_tasks, self._task_of, passage_template=self.protocol.passage_template
        )

    def _listed_tasks(self) -> Iterable[Task]:
        return self._tasks_by_prompt.values()

    def _task_of(self, prompt: Prompt) -> Task:
        asked = prompt.messages[0]["content"]
        if asked not in self._tasks_by_prompt:
            raise ValueError(f"no task of this environment asks {asked[-200:]!r}")
        return self._tasks_by_prompt[asked]

    @cached_property
    def _tasks_by_prompt(self) -> dict[str, Task]:
        if not isinstance(self.tasks, Iterable):
            raise ValueError(
                f"scripted policies need tasks that can be listed, got {type(self.tasks).__name__}"
            )
        return {self.protocol.prompt_template.format(question=t["question"]): t for t in self.tasks}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made when it is needed: a loaded index above all."""
        made = ("_search", "_tasks_by_prompt")
        return {name: value for name, value in self.__dict__.items() if name not in made}


def _check_choices(tasks: object, split: str | None, retriever: object, index: str | None) -> None:
    if tasks is not None and split is not None:
        raise ValueError("give tasks or split: a split is one of the bundled questions")
    if retriever is not None and index is not None:
        raise ValueError("give retriever or index: an index is a retriever")
    if retriever is not None and not isinstance(retriever, Retriever):
        raise TypeError(
            f"retriever must have search(queries, k), got {retriever!r}: "
            "is it a path or URL, for index?"
        )
