"""Packages that only some retrievers need, imported when one of them is made."""

import importlib
from typing import Any


def import_extra(module: str, *, extra: str) -> Any:
    """Import ``module``, or say which extra of this package brings what it needs.

    Args:
        module: a full module name, of another package or of ours.
        extra: the extra of this package that installs it.

    Raises:
        ImportError: a package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{module} needs the package {error.name!r}: pip install 'llmenvs[{extra}]'"
        ) from error
