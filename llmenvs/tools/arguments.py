"""Arguments of a call checked against the tool's JSON schema."""

from collections.abc import Mapping
from typing import Any

MAX_SHOWN = 200
"""Characters of a fault that a policy is shown."""


class ArgumentsError(Exception):
    """The arguments do not meet the schema; the message names the parameter."""


class ArgumentsValidator:
    """Checks arguments against one schema, draft 2020-12.

    Args:
        schema: of an object. References are followed within it and never over the network.

    >>> validator = ArgumentsValidator({"type": "object", "required": ["city"]})
    >>> validator.check({"city": "Oslo"})
    >>> validator.check({})
    Traceback (most recent call last):
      ...
    llmenvs.tools.arguments.ArgumentsError: 'city' is a required property
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        import jsonschema
        from referencing import Registry

        # An empty registry: a remote reference is a fault of the schema, and no request.
        self._validator = jsonschema.Draft202012Validator(dict(schema), registry=Registry())

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise an `ArgumentsError` that says what is wrong, if anything is."""
        from jsonschema.exceptions import best_match
        from referencing.exceptions import Unresolvable

        try:
            error = best_match(self._validator.iter_errors(arguments))
        except Unresolvable as unresolvable:
            raise ArgumentsError(f"the tool's schema refers to {unresolvable.ref!r}") from None
        except RecursionError:
            raise ArgumentsError("the arguments are nested too deep") from None
        if error is None:
            return
        place = ".".join(str(step) for step in error.absolute_path)
        message = (
            error.message if len(error.message) <= MAX_SHOWN else error.message[:MAX_SHOWN] + "…"
        )
        raise ArgumentsError(f"{place}: {message}" if place else message)
