"""YAML text for values, which Butane and our own reader read as the same values."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from toolbox.lib.butane.origins import UNSAFE

if TYPE_CHECKING:
    from yaml import SafeDumper
    from yaml.nodes import ScalarNode


def dump(value: object, *, inline: bool) -> str:
    """Return a value as YAML.

    Args:
        value: Plain data.
        inline: Write it on one line.
    """
    from yaml import dump as write

    written = write(
        value,
        Dumper=_dumper(literal=not inline),
        default_flow_style=inline,
        allow_unicode=True,
        sort_keys=False,
        width=float("inf"),
    )
    # Reason: PyYAML ends a document of a single plain value with a mark.
    written = str(written).removesuffix("...\n")
    return written.rstrip("\n") if inline else written


@cache
def _dumper(*, literal: bool) -> type[SafeDumper]:
    from yaml import SafeDumper
    from yaml.nodes import ScalarNode

    from toolbox.lib.inventory.document import PLAIN, TEXT, Scalar, value

    class Dumper(SafeDumper):
        """Writes texts so that they stay texts."""

        def ignore_aliases(self, data: object) -> bool:
            """Write what stands in two places twice, as nobody wants to read anchors."""
            del data
            return True

    def represent(dumper: SafeDumper, text: str) -> ScalarNode:
        # Reason: PyYAML reads YAML 1.1 and Butane does not quite; what either of them reads as
        # anything but a text has to be in quotes.
        mistaken = value(Scalar(text, PLAIN)) != text
        mistaken = mistaken or dumper.resolve(ScalarNode, text, (True, False)) != TEXT  # type: ignore[no-untyped-call]
        style = '"' if mistaken or "\n" in text else None
        if "\n" in text and literal:
            style = "|"
        if UNSAFE.search(text):
            # Reason: some of these end a line for YAML 1.1, and were read as other ones.
            style = '"'
        return dumper.represent_scalar(TEXT, text, style=style)

    Dumper.add_representer(str, represent)
    return Dumper
