"""Which version of a trainer is there, and whether it is the one that this package was tested with.

Trainers change their interfaces between minor versions, mostly without an error: a mask that is no
longer read trains on the environment's text. So another version is worth a warning.
"""

import warnings
from importlib.metadata import PackageNotFoundError, version


class UntestedVersionWarning(UserWarning):
    """A trainer is of another version than the one that its adapter was tested with."""


def check_version(package: str, *, tested: str, extra: str | None = None) -> None:
    """Warn where the installed ``package`` is not of the version ``tested``.

    Args:
        package: its name on PyPI.
        tested: the version that the adapter was tested with.
        extra: of llmenvs, that brings the package; None where you bring it yourself.

    Raises:
        ImportError: it is not installed; the message says how to install it.

    >>> from importlib.metadata import version
    >>> check_version("numpy", tested=version("numpy"))
    """
    try:
        installed = version(package)
    except PackageNotFoundError:
        wanted = f"{package}=={tested}" if extra is None else f"llmenvs[{extra}]"
        raise ImportError(
            f"{package} is not installed: pip install '{wanted}'; "
            "docs/integrations.md says what goes with it",
            name=package,
        ) from None
    if installed != tested:
        warnings.warn(
            f"{package} {installed} is installed, and llmenvs was tested with {package} {tested}: "
            f"compare a few samples with their masks before you train, or pip install "
            f"'{package}=={tested}'",
            UntestedVersionWarning,
            stacklevel=3,  # the caller of the adapter
        )
