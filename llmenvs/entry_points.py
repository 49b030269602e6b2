"""What ``package.module:name`` on a command line means."""

import importlib
from typing import Any


def import_entry_point(name: str, *, what: str) -> Any:
    """Return what stands under ``package.module:name``; the name may have dots.

    Args:
        name: of the entry point.
        what: begins the message, such as ``"policy 'x:y'"``.

    Raises:
        ValueError: there is no such module or name.

    >>> import_entry_point("math:pi", what="a number")
    3.141592653589793
    """
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for step in attribute.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{what} cannot be imported: {error}") from error
    return found
