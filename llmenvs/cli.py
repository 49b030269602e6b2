"""The `llmenvs` command: a table of sub-commands, each in the module that does its work.

A command module has ``DESCRIPTION``, ``add_arguments(parser)`` and ``run(args) -> int``, the exit
status. It is imported only when it is called, so that `llmenvs --help` needs no optional package.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

DESCRIPTION = "Environments and verifiers for reinforcement learning of language models."
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
COMMANDS = {
    "bench": ("llmenvs.commands.bench", "measure a policy on one or more environments"),
    "demo": ("llmenvs.agents.demo", "train a small transformer on the grid world and show it"),
    "index": ("llmenvs.commands.index", "build, search and serve an index of a corpus"),
    "play": ("llmenvs.commands.play", "play an environment in the terminal"),
    "rescore": ("llmenvs.commands.rescore", "score the transcripts of a run again"),
    "sandbox": ("llmenvs.commands.sandbox", "look at the sandbox that code is run in"),
    "score": ("llmenvs.commands.score", "score a file of completions with a verifier"),
    "serve": ("llmenvs.commands.serve", "serve environments or a verifier over HTTP"),
    "train": ("llmenvs.commands.train", "train a model in environments"),
    "verifiers": ("llmenvs.commands.verifiers", "list the verifiers and their options"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        argv: the words after the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="llmenvs", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = words[0] if words else None
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == called:
            importlib.import_module(module_name).add_arguments(command)
    args = parser.parse_args(words)
    try:
        status: int = importlib.import_module(COMMANDS[args.command][0]).run(args)
    except KeyboardInterrupt:
        sys.stderr.write(f"llmenvs {args.command}: stopped\n")
        return EXIT_INTERRUPTED
    except OSError as error:
        sys.stderr.write(f"llmenvs {args.command}: {error}\n")
        return EXIT_USAGE
    return status


if __name__ == "__main__":
    raise SystemExit(main())
