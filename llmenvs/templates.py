"""Prompt templates: format strings with named fields."""

from collections.abc import Sequence


def check_template(template: str, *, fields: Sequence[str]) -> None:
    """Raise a ValueError unless ``template`` can be formatted with ``fields``.

    >>> check_template("{question}{{}}", fields=["question"])
    >>> check_template("{questoin}", fields=["question"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    ValueError: prompt_template may use the fields question, and writes ...
    """
    try:
        template.format(**dict.fromkeys(fields, ""))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(
            f"prompt_template may use the fields {', '.join(fields)}, and writes braces as "
            f"{{{{ and }}}}, got {template!r} ({error!r})"
        ) from error
