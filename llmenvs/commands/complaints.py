"""How a command says what went wrong: on standard error, the text as it is, in one line."""

from rich.console import Console

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def complain(command: str, message: object) -> None:
    """Say what went wrong, after the command's name, such as ``bench report``."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print(f"llmenvs {command}: {message}")
