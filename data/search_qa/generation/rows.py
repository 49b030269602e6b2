"""Questions as rows, each checked by following its decomposition through its own passages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.data.search_qa.decomposition import Answer, final_answer, read_hop_answer
from llmenvs.data.search_qa.generation.chains import mentions, words
from llmenvs.data.search_qa.generation.entities import Value
from llmenvs.data.search_qa.generation.world import World
from llmenvs.data.search_qa.normalization import normalize_answer, without_accents
from llmenvs.data.search_qa.relations import RELATIONS

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that may be taken into the set.

    Attributes:
        row: the question without its id and split.
        relation: what its answer is counted under: the kind of question and the last relation.
        countries: all that its chain touches.
    """

    row: Row
    relation: str
    countries: frozenset[str]

    @property
    def chain(self) -> tuple[tuple[str, str], ...]:
        """The facts that it needs: two wordings of one chain are one question."""
        return tuple(sorted((hop["relation"], hop["passage_id"]) for hop in self.row["hops"]))

    @property
    def answer(self) -> str:
        """The normalised answer."""
        return normalize_answer(self.row["answers"][0])


def make_draft(
    world: World,
    *,
    kind: str,
    question: str,
    hops: Sequence[Mapping[str, Any]],
    answer: Value,
    countries: frozenset[str],
    select: Mapping[str, Any] | None = None,
) -> Draft | None:
    """Return a draft; None where the question gives its answer away or does not lead to it."""
    question = question[:1].upper() + question[1:]
    row: Row = {
        "question": question,
        "answers": _accepted(answer),
        "gold_passages": list(dict.fromkeys(hop["passage_id"] for hop in hops)),
        "hops": [dict(hop) for hop in hops],
        "kind": kind,
        "n_hops": len(hops),
    }
    if select is not None:
        row["select"] = dict(select)
    bridges = [hop["answer"] for hop in hops if isinstance(hop["answer"], str)]
    given_away = any(mentions(question, text) for text in [*bridges, *row["answers"]])
    earlier = {normalize_answer(text) for text in bridges[:-1]} if select is None else set()
    if (
        given_away
        or not earlier.isdisjoint(map(normalize_answer, row["answers"]))
        or not leads_to_answer(world, row)
    ):
        return None
    relation = f"{kind}:{hops[-1]['relation']}"
    return Draft(row, relation, countries)


def leads_to_answer(world: World, row: Mapping[str, Any]) -> bool:
    """Return whether each hop's answer can be read in its passage, and together they answer."""
    answers: list[Answer] = []
    for hop in row["hops"]:
        try:
            read = read_hop_answer(row, answers, world.passages[hop["passage_id"]].text)
        except ValueError:
            return False  # a list where one name is needed, or a tie
        if read is None or (list(read) if isinstance(read, tuple) else read) != hop["answer"]:
            return False
        answers.append(read)
    try:
        return normalize_answer(final_answer(row, answers)) == normalize_answer(row["answers"][0])
    except ValueError:
        return False  # the lists have more than one element in common


def entities_in(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of the names of the entities on the chain of ``row``."""
    for hop in row["hops"]:
        if not hop["subject"].startswith("#"):
            yield _worded(hop["subject"])
        if RELATIONS[hop["relation"]].leads_to:
            yield _worded(hop["answer"])
    if row["kind"] == "intersection":
        yield _worded(row["answers"][0])


def names_in(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of the entities and answers on the chain of ``row``, but no numbers."""
    yield from entities_in(row)
    for text in (row["answers"][0], *(hop["answer"] for hop in row["hops"])):
        if isinstance(text, str) and any(char.isalpha() for char in text):
            yield _worded(text)


def texts_of(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield all text of ``row`` that names something, but for the members of lists."""
    yield row["question"]
    yield row["answers"][0]
    for hop in row["hops"]:
        yield hop["question"]
        yield from [hop["answer"]] if isinstance(hop["answer"], str) else []


def list_items_of(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members of the lists that ``row`` joins."""
    for hop in row["hops"]:
        yield from hop["answer"] if isinstance(hop["answer"], list) else []


def _worded(text: str) -> str:
    return " ".join(words(text))


def _accepted(answer: Value) -> list[str]:
    texts = [answer.text.removeprefix("the "), *answer.aliases]
    plain = [without_accents(text) for text in texts if not text.isascii()]
    accepted = {text.casefold(): text for text in reversed([*texts, *filter(str.isascii, plain)])}
    return [text for text in reversed(accepted.values()) if normalize_answer(text)]
