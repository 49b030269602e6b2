"""Draws one task of a kind: the dialogue, the tools at hand and the wanted calls.

Each concrete call (a tool with its arguments) belongs to one split, by a checksum of it, and a task
is made only of calls of its split. So no call is asked for in both, whatever the words are.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llmenvs.data.tool_call.chat import SMALL_TALK
from llmenvs.data.tool_call.grammar import Ask, Domain, Filling, Listing

Call = dict[str, Any]
Message = dict[str, Any]
TEST_SHARE = 30
"""Percent of all calls that are test calls."""

_JOINTS = (
    ("{0} {1}", "{0} {1} {2}"),
    ("{0} Then one more thing. {1}", "Three things, please. {0} {1} {2}"),
    ("1. {0}\n2. {1}", "1. {0}\n2. {1}\n3. {2}"),
    ("{0} While you are at it: {1}", "{0} While you are at it: {1} And finally: {2}"),
)


class NotOfSplitError(Exception):
    """What was drawn belongs to the other split; draw again."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A task without its id.

    Attributes:
        messages: of the dialogue, the user's request last.
        tools: the names of the tools at hand.
        calls: the wanted ones; none where the user is to be answered.
        response: an answer where no call is wanted.
        domain: of the request.
    """

    messages: Sequence[Message]
    tools: Sequence[str]
    calls: Sequence[Call] = ()
    response: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws from some domains for one split.

    Attributes:
        rng: where chance comes from.
        split: "train" or "test".
        domains: those that may be drawn.
    """

    rng: np.random.Generator
    split: str
    domains: Sequence[Domain] = field(default_factory=tuple)

    def one_of(self, items: Sequence[Any]) -> Any:
        """Return one of ``items``."""
        return items[int(self.rng.integers(len(items)))]

    def of_split(self, call: Call) -> Call:
        """Return ``call`` if it belongs to this split.

        Raises:
            NotOfSplitError: it does not.
        """
        if split_of(call) != self.split:
            raise NotOfSplitError
        return call

    def filled(self, ask: Ask) -> tuple[dict[str, Filling], Call]:
        """Fill the slots of ``ask`` and return them with the call."""
        slots = {name: self.one_of(fillings) for name, fillings in ask.slots.items()}
        parameters = {name: filling.value for name, filling in slots.items()} | dict(ask.fixed)
        return slots, self.of_split({"name": ask.tool, "parameters": parameters})

    def without(self, ask: Ask, name: str) -> tuple[dict[str, Filling], Call]:
        """Fill the slots of ``ask``; the call without the parameter ``name`` is of the split too.

        So the incomplete request is in one split, whatever would complete it.
        """
        slots, call = self.filled(ask)
        rest = {key: value for key, value in call["parameters"].items() if key != name}
        self.of_split({"name": call["name"], "parameters": rest})
        return slots, call

    def request(self, ask: Ask) -> tuple[str, Call]:
        """Return a request and the call that meets it."""
        slots, call = self.filled(ask)
        return _worded(self.one_of(ask.wordings), slots), call

    def shuffled(self, names: Sequence[str]) -> list[str]:
        """Return ``names`` in another order."""
        return [names[index] for index in self.rng.permutation(len(names))]

    def incomplete(self) -> tuple[Domain, Ask, str]:
        """Return a domain, one of its asks and a required parameter that may be left out."""
        domain = self.one_of([d for d in self.domains if any(ask.missing for ask in d.asks)])
        ask = self.one_of([ask for ask in domain.asks if ask.missing])
        return domain, ask, self.one_of(list(ask.missing))

    def listing(self) -> tuple[Domain, Listing]:
        """Return a domain and one of its listings."""
        domain = self.one_of([domain for domain in self.domains if domain.listings])
        return domain, self.one_of(domain.listings)


def split_of(call: Call) -> str:
    """Return the split that a call belongs to."""
    checksum = zlib.crc32(json.dumps(call, sort_keys=True).encode())
    return "test" if checksum % 100 < TEST_SHARE else "train"


def no_tool(draw: Draw) -> Drawn:
    """Return small talk, or a request that none of the tools at hand is for."""
    domain = draw.one_of(draw.domains)
    names = draw.shuffled(_names(domain))[:4]
    if draw.rng.random() < 0.5:
        text, reply = draw.one_of(SMALL_TALK)
        draw.of_split({"name": "", "parameters": {"text": text}})
        return Drawn([_user(text)], names, response=reply, domain="chat")
    other = draw.one_of([each for each in draw.domains if each.name != domain.name])
    text, _ = draw.request(draw.one_of(other.asks))
    reply = "I have no tool for that, so I cannot do it."
    return Drawn([_user(text)], names, response=reply, domain=other.name)


def single(draw: Draw) -> Drawn:
    """Return a request for the only tool there is."""
    domain = draw.one_of(draw.domains)
    text, call = draw.request(draw.one_of(domain.asks))
    return Drawn([_user(text)], [call["name"]], [call], domain=domain.name)


def distractor(draw: Draw) -> Drawn:
    """Return a request for one of several tools that are alike."""
    domain = draw.one_of(draw.domains)
    text, call = draw.request(draw.one_of(domain.asks))
    return Drawn([_user(text)], draw.shuffled(_names(domain)), [call], domain=domain.name)


def parallel(draw: Draw) -> Drawn:
    """Return two or three requests for the same tool in one."""
    domain = draw.one_of(draw.domains)
    ask = draw.one_of([ask for ask in domain.asks if _size(ask) >= 6])
    pairs = [draw.request(ask) for _ in range(2 + int(draw.rng.integers(2)))]
    others = [name for name in draw.shuffled(_names(domain)) if name != ask.tool][:2]
    return _joined(draw, pairs, draw.shuffled([ask.tool, *others]), domain.name)


def several(draw: Draw) -> Drawn:
    """Return two or three requests for different tools, of one domain or two, in one."""
    first, second = draw.one_of(draw.domains), draw.one_of(draw.domains)
    asks = [draw.one_of(first.asks), draw.one_of(second.asks), draw.one_of(first.asks)]
    asks = asks[: 2 + int(draw.rng.integers(2))]
    if len({ask.tool for ask in asks}) < len(asks):
        raise NotOfSplitError
    names = list(dict.fromkeys([*_names(first), *_names(second)]))
    return _joined(draw, [draw.request(ask) for ask in asks], draw.shuffled(names), first.name)


def clarify(draw: Draw) -> Drawn:
    """Return a request that leaves out what its tool requires."""
    domain, ask, name = draw.incomplete()
    slots, _ = draw.without(ask, name)
    wording, question = ask.missing[name]
    messages = [_user(_worded(wording, slots))]
    return Drawn(messages, draw.shuffled(_names(domain)), response=question, domain=domain.name)


def clarified(draw: Draw) -> Drawn:
    """Return such a request after the question was asked and answered."""
    domain, ask, name = draw.incomplete()
    slots, call = draw.without(ask, name)
    wording, question = ask.missing[name]
    messages = [
        _user(_worded(wording, slots)),
        {"role": "assistant", "content": question},
        _user(slots[name].text),
    ]
    return Drawn(messages, draw.shuffled(_names(domain)), [call], domain=domain.name)


def follow_up(draw: Draw) -> Drawn:
    """Return a dialogue whose last request takes one of the results of a search."""
    domain, listing = draw.listing()
    messages, results = _searched(draw, listing)
    text, key, highest = draw.one_of(listing.picks)
    picked = _picked(results, key, highest=highest)
    call = draw.of_split({"name": listing.tool, "parameters": {listing.key: picked[listing.key]}})
    tools = draw.shuffled(_names(domain))
    return Drawn([*messages, _user(text)], tools, [call], domain=domain.name)


def already_known(draw: Draw) -> Drawn:
    """Return a dialogue whose last request the results have already answered."""
    domain, listing = draw.listing()
    messages, results = _searched(draw, listing)
    text, key, highest = draw.one_of(listing.questions)
    picked = _picked(results, key, highest=highest)
    reply = f"It is {picked[listing.key]}, with {key.replace('_', ' ')} {picked[key]}."
    tools = draw.shuffled(_names(domain))
    return Drawn([*messages, _user(text)], tools, response=reply, domain=domain.name)


KINDS: Mapping[str, tuple[Callable[[Draw], Drawn], int]] = {
    "no_tool": (no_tool, 1),
    "single": (single, 1),
    "distractor": (distractor, 2),
    "parallel": (parallel, 3),
    "clarify": (clarify, 3),
    "clarified": (clarified, 3),
    "already_known": (already_known, 4),
    "follow_up": (follow_up, 4),
    "several": (several, 5),
}
"""The kinds of tasks, how each is drawn, and how difficult it is."""


def _searched(draw: Draw, listing: Listing) -> tuple[list[Message], list[dict[str, Any]]]:
    """Return a dialogue of a search, and its results; no two are equal in a field."""
    text, call = draw.request(listing.search)
    count = 3 + int(draw.rng.integers(3))
    columns = {
        name: draw.rng.choice(np.arange(low, high + 1), size=count, replace=False).tolist()
        for name, (low, high) in listing.fields.items()
    }
    numbers = draw.rng.choice(np.arange(100, 1000), size=count, replace=False).tolist()
    results = [
        {listing.key: f"{listing.prefix}-{number}"}
        | {name: values[row] for name, values in columns.items()}
        for row, number in enumerate(numbers)
    ]
    messages = [
        _user(text),
        {"role": "assistant", "calls": [call]},
        {"role": "tool", "name": call["name"], "content": json.dumps(results)},
    ]
    return messages, results


def _picked(results: list[dict[str, Any]], key: str, *, highest: bool) -> dict[str, Any]:
    ranked = sorted(results, key=lambda result: int(result[key]))
    return ranked[-1] if highest else ranked[0]


def _joined(
    draw: Draw, pairs: Sequence[tuple[str, Call]], tools: Sequence[str], domain: str
) -> Drawn:
    calls = [call for _, call in pairs]
    if len({json.dumps(call, sort_keys=True) for call in calls}) < len(calls):
        raise NotOfSplitError
    text = draw.one_of(_JOINTS)[len(pairs) - 2].format(*(text for text, _ in pairs))
    return Drawn([_user(text)], tools, calls, domain=domain)


def _size(ask: Ask) -> int:
    return int(np.prod([len(fillings) for fillings in ask.slots.values()]))


def _names(domain: Domain) -> list[str]:
    return [tool["name"] for tool in domain.tools]


def _worded(wording: str, slots: Mapping[str, Filling]) -> str:
    return wording.format(**{name: filling.text for name, filling in slots.items()})


def _user(text: str) -> Message:
    return {"role": "user", "content": text}
