"""What a filter wants: a text, a whole number; and how it says that it was given something else."""

from __future__ import annotations

NAMES = {"dict": "a mapping", "list": "a list", "tuple": "a list", "bool": "true or false"}


class FilterError(ValueError):
    """A filter was given what it cannot use.

    Attributes:
        hint: What to do.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def text(name: str, value: object) -> str:
    """Return the text that a filter was given; a number, too, is one.

    Args:
        name: The filter.
        value: What it was given.

    Raises:
        FilterError: It is something else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        from jinja2 import Undefined

        if not isinstance(value, Undefined):
            message = f"{name} wants a text, not {_kind(value)}"
            raise FilterError(message)
    # Reason: asking an undefined value for its text notes its use, which is what is told then.
    return str(value)


def whole(name: str, value: object) -> int:
    """Return the whole number that a filter was given.

    Args:
        name: The filter.
        value: What it was given.

    Raises:
        FilterError: It is something else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    from jinja2 import Undefined

    if isinstance(value, Undefined):
        return int(value)
    message = f"{name} wants a whole number, not {_kind(value)}"
    raise FilterError(message)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return repr(value)
    if value is None:
        return "none"
    return NAMES.get(type(value).__name__, f"a value of type {type(value).__name__}")
