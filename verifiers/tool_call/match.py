"""Compare the calls that were made with those that were wanted, in three parts.

Calls are paired only if they have the same name, and so that the sum of the two parameter parts is
the largest there is (the assignment problem), never greedily. Each part is a sum over the pairs,
divided by the number of pairs and of calls on either side that have no partner:

- ``name``: 1 a pair; so this is the intersection over union of the two multisets of names;
- ``param_name``: the intersection over union of the pair's parameter names;
- ``param_value``: how many parameters are equal, over the union of the parameter names.

All three are 1.0 exactly if the calls are the wanted ones, in any order. A call too many, or a
piece that was meant as one but cannot be read, makes the divisor larger, so that junk beside the
right call costs as much as it would cost to leave out a call. The parts are those of ToolRL
(arXiv:2504.13958), whose sum is divided by the wanted calls alone: there nine junk calls beside the
right one still earn 0.82 of the range.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from llmenvs.verifiers.tool_call.calls import ToolCall, json_key, parameter_keys


class CallScore(NamedTuple):
    """How well the calls fit, part by part, each in [0, 1].

    Attributes:
        name: of the tools' names.
        param_name: of the parameters' names.
        param_value: of the parameters' values.
        exact: whether the calls are exactly the wanted ones, in any order.
        reason: one line on what is wrong, or that nothing is.
    """

    name: float
    param_name: float
    param_value: float
    exact: bool
    reason: str

    @property
    def mean(self) -> float:
        """The mean of the three parts."""
        return (self.name + self.param_name + self.param_value) / 3


class _Profile(NamedTuple):
    """A call, ready to be compared many times."""

    name: str
    keys: dict[str, Hashable]
    """Parameter -> what is equal exactly if its value is."""


class _Pair(NamedTuple):
    """Two calls of the same name, and how much they have in common, each in [0, 1]."""

    wanted: _Profile
    made: _Profile
    param_name: float
    param_value: float


def score_calls(wanted: Sequence[ToolCall], made: Sequence[ToolCall], unread: int = 0) -> CallScore:
    """Return how well the calls ``made`` fit those ``wanted``.

    Args:
        wanted: empty where no call is wanted.
        made: as parsed.
        unread: pieces that were meant as calls but cannot be read; each counts as one unwanted.

    Raises:
        TypeError: a parameter is not JSON.

    >>> right, junk = ToolCall("f", {"x": 1}), ToolCall("g")
    >>> round(score_calls([right], [right] + [junk] * 9).mean, 6)
    0.1
    >>> score_calls([], []).exact, score_calls([], [junk]).mean
    (True, 0.0)
    """
    if len(wanted) == len(made) == 1 and not unread and _are_equal(wanted[0], made[0]):
        return CallScore(1.0, 1.0, 1.0, exact=True, reason="exactly the wanted calls")
    pairs, alone = _paired([_profile(call) for call in wanted], [_profile(call) for call in made])
    union = len(wanted) + len(made) + unread - len(pairs)
    if union == 0:
        return CallScore(1.0, 1.0, 1.0, exact=True, reason="no call, as wanted")
    name = len(pairs) / union
    param_name = sum(pair.param_name for pair in pairs) / union
    param_value = sum(pair.param_value for pair in pairs) / union
    exact = name == 1.0 and param_value == 1.0
    reason = "exactly the wanted calls" if exact else _reason(pairs, alone, unread)
    return CallScore(name, param_name, param_value, exact, reason)


def paired_calls(
    wanted: Sequence[ToolCall], made: Sequence[ToolCall]
) -> list[tuple[ToolCall | None, ToolCall | None]]:
    """Return (wanted, made) as `score_calls` pairs them, then those of either that stay alone.

    Raises:
        TypeError: a parameter is not JSON.

    >>> f, g = ToolCall("f", {"x": 1}), ToolCall("g")
    >>> paired_calls([f, g], [ToolCall("f", {"x": 2})])[0]
    (ToolCall(name='f', parameters={'x': 1}), ToolCall(name='f', parameters={'x': 2}))
    """
    some, others = [_profile(call) for call in wanted], [_profile(call) for call in made]
    # By identity: two calls may be equal, and are two all the same.
    call_of = {id(p): c for p, c in zip([*some, *others], [*wanted, *made], strict=True)}
    pairs, alone = _paired(some, others)
    return [
        *((call_of[id(pair.wanted)], call_of[id(pair.made)]) for pair in pairs),
        *((call_of[id(profile)], None) for profile in alone.wanted),
        *((None, call_of[id(profile)]) for profile in alone.made),
    ]


def _are_equal(wanted: ToolCall, made: ToolCall) -> bool:
    """Return whether two calls are equal: the most frequent question, and the cheapest answer."""
    others = made.parameters
    if wanted.name != made.name or len(wanted.parameters) != len(others):
        return False
    for name, value in wanted.parameters.items():
        if name not in others:
            return False
        other = others[name]
        if value != other if type(value) is str else json_key(value) != json_key(other):
            return False
    return True


def _profile(call: ToolCall) -> _Profile:
    return _Profile(call.name, dict(parameter_keys(call.parameters)))


class _Alone(NamedTuple):
    """The calls that have no partner."""

    wanted: list[_Profile]
    made: list[_Profile]


def _paired(wanted: list[_Profile], made: list[_Profile]) -> tuple[list[_Pair], _Alone]:
    if len(wanted) == len(made) == 1 and wanted[0].name == made[0].name:
        return [_pair(wanted[0], made[0])], _Alone([], [])
    wanted_by_name, made_by_name = _by_name(wanted), _by_name(made)
    pairs: list[_Pair] = []
    alone = _Alone([], [])
    if not wanted or not made:
        return pairs, _Alone(wanted, made)
    for name in wanted_by_name | made_by_name:
        some, others = wanted_by_name.get(name, []), made_by_name.get(name, [])
        chosen = _best_pairs(some, others) if some and others else []
        pairs += [_pair(some[row], others[column]) for row, column in chosen]
        taken_some, taken_others = {row for row, _ in chosen}, {column for _, column in chosen}
        alone.wanted.extend(p for index, p in enumerate(some) if index not in taken_some)
        alone.made.extend(p for index, p in enumerate(others) if index not in taken_others)
    return pairs, alone


def _by_name(profiles: list[_Profile]) -> dict[str, list[_Profile]]:
    groups: dict[str, list[_Profile]] = defaultdict(list)
    for profile in profiles:
        groups[profile.name].append(profile)
    return groups


def _best_pairs(wanted: list[_Profile], made: list[_Profile]) -> list[tuple[int, int]]:
    """Return the pairs (wanted, made) of calls of one name that have most in common in all."""
    if len(wanted) == len(made) == 1:
        return [(0, 0)]
    worth = [[sum(_pair(one, other)[2:]) for other in made] for one in wanted]
    if len(wanted) == 1:
        return [(0, max(range(len(made)), key=worth[0].__getitem__))]
    if len(made) == 1:
        return [(max(range(len(wanted)), key=worth.__getitem__), 0)]
    # Rarely needed, and takes long to import.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]


def _pair(wanted: _Profile, made: _Profile) -> _Pair:
    others = made.keys
    shared = equal = 0
    for name, key in wanted.keys.items():
        if name in others:
            shared += 1
            equal += others[name] == key
    union = len(wanted.keys) + len(others) - shared
    if union == 0:
        return _Pair(wanted, made, 1.0, 1.0)
    return _Pair(wanted, made, shared / union, equal / union)


def _reason(pairs: list[_Pair], alone: _Alone, unread: int) -> str:
    """Return what is wrong with the calls, the first of each kind, on one line."""
    found = []
    if unread:
        found.append(f"{unread} that cannot be read")
    if alone.made:
        found.append(f"{len(alone.made)} not wanted ({alone.made[0].name[:80]!r})")
    if alone.wanted:
        found.append(f"{len(alone.wanted)} missing ({alone.wanted[0].name[:80]!r})")
    for pair in pairs:
        if pair.param_value < 1.0:
            found.append(f"{_difference(pair)} of {pair.wanted.name[:80]!r}")
            break
    return "; ".join(found)


def _difference(pair: _Pair) -> str:
    wanted, made = pair.wanted.keys, pair.made.keys
    for name, key in wanted.items():
        if name not in made:
            return f"missing parameter {name[:80]!r}"
        if made[name] != key:
            return f"wrong value for parameter {name[:80]!r}"
    surplus = next(name for name in made if name not in wanted)
    return f"unwanted parameter {surplus[:80]!r}"
