"""Words below a command, `llmenvs bench report`, each in a module imported when it is called."""

import argparse
import importlib
from collections.abc import Mapping
from typing import Any


class _LazyParser(argparse.ArgumentParser):
    """Asks the module of its word for its arguments when it first parses."""

    def __init__(self, *, module_name: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self._module_name = module_name

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Declare the arguments, then parse."""
        if self._module_name:
            module_name, self._module_name = self._module_name, ""
            importlib.import_module(module_name).add_arguments(self)
        return super().parse_known_args(args, namespace)


def add_sub_commands(
    parser: argparse.ArgumentParser, commands: Mapping[str, tuple[str, str]]
) -> None:
    """Let ``parser`` take one of the words of ``commands``, or none.

    Args:
        parser: of the command, whose own options may then not be required.
        commands: by word, a module with ``add_arguments(parser)`` and ``run(args) -> int``, and
            what the word does.
    """
    words = parser.add_subparsers(
        dest="sub_command", metavar="WORD", required=False, parser_class=_LazyParser
    )
    for word, (module_name, summary) in commands.items():
        words.add_parser(word, help=summary, description=summary, module_name=module_name)


def run_sub_command(
    args: argparse.Namespace, commands: Mapping[str, tuple[str, str]]
) -> int | None:
    """Run the word that was given and return its exit status; None where none was given."""
    if args.sub_command is None:
        return None
    status: int = importlib.import_module(commands[args.sub_command][0]).run(args)
    return status
