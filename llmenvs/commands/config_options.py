"""Options of a command line from the fields of a dataclass, which stays the only place they are in.

A field ``group_size: int = 8`` becomes ``--group-size INT``; its help is what the docstring says
under ``Attributes:``. Of a field that is a dataclass itself, the fields are options.
"""

import argparse
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class Option(NamedTuple):
    """One option.

    Attributes:
        name: of the field.
        type: of its values, without None.
        optional: whether None is a value, written ``none``.
        default: its value without the option.
        help: what the docstring says.
    """

    name: str
    type: Any
    optional: bool
    default: Any
    help: str

    @property
    def flag(self) -> str:
        """As it is written."""
        return "--" + self.name.replace("_", "-")


def options_of(config: type[Any], *, skip: tuple[str, ...] = ()) -> Iterator[Option]:
    """Yield the options of a dataclass, in the order of its fields.

    Args:
        config: the dataclass.
        skip: fields that the command reads in a way of its own.
    """
    hints = typing.get_type_hints(config)
    helps = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(_doc(config))}
    for field in dataclasses.fields(config):
        kind, optional = _without_none(hints[field.name])
        if field.name in skip:
            continue
        if dataclasses.is_dataclass(kind):
            yield from options_of(kind)  # type: ignore[arg-type]  # a class, not an instance
            continue
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        yield Option(field.name, kind, optional, default, helps.get(field.name, ""))


def add_options(
    parser: argparse.ArgumentParser, config: type[Any], *, skip: tuple[str, ...] = ()
) -> None:
    """Declare the options of a dataclass; see `options_of`."""
    for option in options_of(config, skip=skip):
        shown = "none" if option.default is None else option.default
        text = f"{option.help} (default: {shown})".replace("%", "%%")
        if option.type is bool:
            parser.add_argument(
                option.flag,
                action=argparse.BooleanOptionalAction,
                default=option.default,
                help=text,
            )
            continue
        choices, metavar = _choices(option)
        parser.add_argument(
            option.flag,
            type=_reader(option),
            choices=choices,
            metavar=metavar,
            default=option.default,
            help=text,
        )


def read_options(
    args: argparse.Namespace, config: type[Any], *, skip: tuple[str, ...] = (), **given: Any
) -> Any:
    """Return the dataclass of what was written.

    Args:
        args: of a parser that has the options.
        config: the dataclass.
        skip: as in `add_options`.
        given: the fields that were skipped.

    Raises:
        ValueError: an impossible value; the message names the option.
    """
    hints = typing.get_type_hints(config)
    values: dict[str, Any] = dict(given)
    for field in dataclasses.fields(config):
        if field.name in skip:
            continue
        if dataclasses.is_dataclass(hints[field.name]):
            values[field.name] = read_options(args, hints[field.name])
        else:
            values[field.name] = getattr(args, field.name)
    try:
        return config(**values)
    except ValueError as error:
        raise ValueError(with_flags(str(error), values)) from error


def with_flags(message: str, fields: Mapping[str, Any]) -> str:
    """Return ``message`` with the names of ``fields`` as they are written on a command line.

    >>> with_flags("group_size must be at least 2, got 1", {"group_size": 1})
    '--group-size must be at least 2, got 1'
    """
    for name in fields:
        message = re.sub(rf"(?<![\w-]){name}\b(?=[ =])", "--" + name.replace("_", "-"), message)
    return message


def _doc(config: type[Any]) -> str:
    return inspect.cleandoc(config.__doc__ or "").partition("Attributes:\n")[2]


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Return the type beside None, and whether None is allowed."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return kinds[0], len(kinds) < len(typing.get_args(hint))
    return hint, False


def _choices(option: Option) -> tuple[list[Any] | None, str | None]:
    if typing.get_origin(option.type) is not Literal:
        return None, option.type.__name__.upper()
    values: list[Any] = list(typing.get_args(option.type))
    return [*values, None] if option.optional else values, "{" + ",".join(
        [*values, "none"] if option.optional else values
    ) + "}"


def _reader(option: Option) -> Callable[[str], Any]:
    kind = str if typing.get_origin(option.type) is Literal else option.type

    def read(word: str) -> Any:
        return None if option.optional and word == "none" else kind(word)

    read.__name__ = kind.__name__  # argparse's "invalid int value"
    return read
