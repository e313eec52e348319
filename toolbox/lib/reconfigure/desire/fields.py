"""Foreign JSON, read field by field: what has another type is a mistake that is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping of a document.

    Attributes:
        values: What stands in it.
        place: Where it stands, such as ``storage.files.3``.
        mistakes: What is wrong anywhere in the document, each said once.
    """

    values: Mapping[str, Any]
    place: str = ""
    mistakes: dict[str, None] = field(default_factory=dict)

    def wrong(self, key: str, what: str) -> None:
        """Note a mistake at a key."""
        self.mistakes[f"{self._at(key)} {what}"] = None

    def text(self, key: str) -> str | None:
        """Return a text, None where there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.wrong(key, "is no text")
            return None
        # Reason: half of a character can be written in JSON, and is in no file and no name.
        if not value.isascii() and SURROGATE.search(value):
            self.wrong(key, "holds a character that does not exist")
            return None
        return value

    def number(self, key: str) -> int | None:
        """Return a whole number that is not negative, None where there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.wrong(key, "is no whole number")
            return None
        return value

    def flag(self, key: str) -> bool | None:
        """Return true, false, or None where nothing is said."""
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(key, "is neither true nor false")
        return None

    def below(self, key: str) -> Fields:
        """Return the mapping at a key, an empty one where there is none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(key, "is no mapping")
        return Fields(value if isinstance(value, dict) else {}, self._at(key), self.mistakes)

    def items(self, key: str) -> Iterator[Fields]:
        """Yield the mappings of a list."""
        for number, item in enumerate(self._list(key)):
            place = f"{self._at(key)}.{number}"
            if isinstance(item, dict):
                yield Fields(item, place, self.mistakes)
            else:
                self.mistakes[f"{place} is no mapping"] = None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts, None where there is none."""
        if self.values.get(key) is None:
            return None
        numbered = {str(number): item for number, item in enumerate(self._list(key))}
        items = Fields(numbered, self._at(key), self.mistakes)
        found = (items.text(number) for number in numbered)
        return tuple(text for text in found if text is not None)

    def _list(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if value is None or isinstance(value, list):
            return value or []
        self.wrong(key, "is no list")
        return []

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key
