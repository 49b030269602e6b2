"""What the settings of the algorithms are checked against."""


def at_least(least: float, **values: float | None) -> None:
    """Check that each of ``values`` is None or at least ``least``.

    Raises:
        ValueError: one of them is not, NaN included.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name} must be at least {least}, got {value!r}")


def above(bound: float, **values: float | None) -> None:
    """Check that each of ``values`` is None or above ``bound``.

    Raises:
        ValueError: one of them is not, NaN included.
    """
    for name, value in values.items():
        if value is not None and not value > bound:
            raise ValueError(f"{name} must be above {bound:g}, got {value!r}")


def in_unit_interval(**values: float) -> None:
    """Check that each of ``values`` is in [0, 1].

    Raises:
        ValueError: one of them is not, NaN included.
    """
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must be in [0, 1], got {value!r}")


def one_of(choices: tuple[object, ...], **values: object) -> None:
    """Check that each of ``values`` is one of ``choices``.

    Raises:
        ValueError: one of them is not.
    """
    for name, value in values.items():
        if value not in choices:
            raise ValueError(f"{name} must be one of {list(choices)}, got {value!r}")
