"""The pages of the reference that are made from the code: filters, and the environment contract.

Imports pydantic, so it is imported only where documentation is written.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from doctest import DocTestParser
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from toolbox.lib.butane import networks, times, values
from toolbox.lib.butane.filters import FILTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

FILTERS_INTRODUCTION = """\
# Filters

What [templates](../guides/project.md#templates) have beside \
[Jinja's own filters](https://jinja.palletsprojects.com/templates/#builtin-filters). A value that \
a filter cannot use is a mistake at the line of the template. This page is made from the code, and \
each example on it is run by a test.
"""
CONTRACT_INTRODUCTION = """\
# Environment contract

The names that every [template](../guides/project.md#templates) sees. They take effect where a \
template uses them. `variables` in `project.yaml` and in a host's file lay their values over those \
that have a default here: mappings key by key, everything else, lists too, as a whole. What is \
wrong with a value, and a key that is none, is told at its line.

```yaml title="project.yaml"
name: example
variables:
  LOCALE:
    TIMEZONE: Europe/Vienna
  INTERNAL_CIDR: 10.99.0.1/24
  DNS_RESOLVER:
    UPSTREAM:
      - 9.9.9.9@853#dns.quad9.net
```

The networks do not hold the same addresses; only `PODMAN_STATIC_NETWORKS` may be inside of \
`PODMAN_POOL_CIDR`. Other names in `variables` are free, but no slips of a name on this page. \
This page is made from the code.
"""
TYPES = {str: "text", int: "number", bool: "`true`, `false`", dict: "mapping", Any: "anything"}
CHECKED = {
    values.absolute: "absolute path",
    values.cidr: "address and prefix",
    values.country: "two letters",
    values.domain: "domain",
    values.lang: "locale",
    values.level: "number",
    values.name: "name",
    values.no_or_domain: "domain",
    values.publish: "port",
    values.resolver: "resolver",
    values.timezone: "time zone",
}
"""What a function of `values` takes, in a word."""

GIVES = {"Return": "Gives", "Tell": "Tells"}
DOUBLE = re.compile(r"``(.+?)``")


def filters_page() -> str:
    """Return the reference of filters, Markdown."""
    own = [f for name, f in FILTERS.items() if f.__module__ != networks.__name__]
    net = [f for name, f in FILTERS.items() if f.__module__ == networks.__name__]
    parts = [FILTERS_INTRODUCTION, "## Text and data\n", *map(_filter, own)]
    parts += [
        "## Addresses and networks\n",
        _paragraphs(networks.__doc__ or ""),
        *map(_filter, net),
    ]
    clock = [_section("`created_at`", times.created_at)]
    clock += [_section(f"`{f.__name__}()`", f) for f in (times.utc_now, times.local_now)]
    zone = "In the examples `SOURCE_DATE_EPOCH` is 1767225600 and the time zone Europe/Vienna.\n"
    return "\n".join([*parts, "## Time\n", zone, *clock])


def _filter(function: Callable[..., Any]) -> str:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    words = (
        p.name if p.default is p.empty else f"{p.name}={_jinja(p.default)}" for p in parameters
    )
    call = f"({', '.join(words)})" if parameters else ""
    return _section(f"`{function.__name__}{call}`", function)


def _section(title: str, function: Callable[..., Any]) -> str:
    text, _, rest = (inspect.getdoc(function) or "").partition("\nExample:\n")
    shown = "\n".join(_examples(rest))
    return f"### {title}\n\n{_paragraphs(text)}\n```text\n{shown}\n```\n"


def _examples(text: str) -> Iterator[str]:
    """Yield the lines of a docstring's examples: the template, and what it gives."""
    for example in DocTestParser().get_examples(textwrap.dedent(text)):
        call = ast.parse(example.source.strip(), mode="eval").body
        template = ast.literal_eval(call.args[0]) if isinstance(call, ast.Call) else ""
        yield str(template)
        for line in example.want.splitlines():
            yield f"→ {line}"


def _paragraphs(docstring: str) -> str:
    """Return a docstring as Markdown, one line to a paragraph."""
    text = DOUBLE.sub(r"`\1`", inspect.cleandoc(docstring))
    # Reason: a docstring says what a function does, a page what a filter gives.
    text = re.sub(r"\A(Return|Tell)\b", lambda verb: GIVES[verb[1]], text)
    joined = (" ".join(part.split()) for part in text.split("\n\n"))
    return "\n\n".join(joined) + "\n"


def contract_page() -> str:
    """Return the reference of the environment contract, Markdown."""
    from toolbox.lib.butane.contract import GIVEN, Contract

    parts = [CONTRACT_INTRODUCTION, "## With a default\n", _table(_plain(Contract))]
    for name, info in Contract.model_fields.items():
        model = _model(info.annotation)
        if model is not None:
            parts += [f"## {name}\n", _paragraphs(model.__doc__ or ""), _table(_rows(model, ""))]
    parts += [
        "## Given by the toolbox\n",
        "No variable can take these names.\n",
        "| name | type | meaning |\n| --- | --- | --- |",
        *(f"| `{name}` | {kind} | {words} |" for name, (kind, words) in GIVEN.items()),
    ]
    return "\n".join(parts) + "\n"


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _plain(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        if _model(info.annotation) is None:
            yield _row(name, info)


def _rows(model: type[BaseModel], above: str) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        yield _row(f"{above}{name}", info)
        inner = _item(info.annotation)
        if inner is not None:
            yield from _rows(inner, f"{above}{name}[].")


def _row(name: str, info: FieldInfo) -> tuple[str, ...]:
    kind = _checked(info.metadata) or _type(info.annotation)
    return f"`{name}`", kind, _default(info), info.description or ""


def _checked(metadata: Sequence[object]) -> str | None:
    """Return the word for the check that a value passes, None when there is none."""
    functions = [getattr(item, "func", None) for item in metadata]
    return next((CHECKED[f] for f in functions if f in CHECKED), None)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "must be given"
    value = info.get_default(call_default_factory=True, validated_data={"UPDATE_UID": 1000})
    if value and isinstance(value, list):
        # Reason: a table is as wide as its longest piece of code.
        return ", ".join(f"`{_jinja(item)}`" for item in value)
    return f"`{_jinja(value)}`" if value != "" else "empty"


def _jinja(value: object) -> str:
    """Return a value as one writes it."""
    words = {None: "none", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _model(annotation: object) -> type[BaseModel] | None:
    from pydantic import BaseModel

    fits = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if fits else None  # type: ignore[return-value]


def _item(annotation: object) -> type[BaseModel] | None:
    kinds = get_args(annotation) if get_origin(annotation) is list else ()
    return _model(kinds[0]) if kinds else None


def _type(annotation: Any) -> str:  # noqa: ANN401 - whatever stands behind a colon
    origin, kinds = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _checked(kinds[1:]) or _type(kinds[0])
    if origin is Literal:
        return ", ".join(f"`{kind}`" for kind in kinds)
    if origin in (Union, UnionType):
        return " or ".join(map(_type, kinds))
    if origin is list:
        return f"list of {_type(kinds[0])}"
    if origin is dict:
        return f"mapping of {_type(kinds[1])}"
    return "mapping" if _model(annotation) else TYPES[annotation]
