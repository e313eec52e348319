"""Strict Jinja templates whose output knows which line of the source each of its lines is from."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import times
from toolbox.lib.butane.filters import FILTERS
from toolbox.lib.butane.wants import FilterError
from toolbox.lib.core.files import sha256
from toolbox.lib.core.report import Severity
from toolbox.lib.inventory import names as spelling
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from types import CodeType, FrameType, TracebackType

    from jinja2 import Environment as Jinja
    from jinja2 import nodes

    from toolbox.lib.core.report import Finding

# Reason: a mark is never mistaken for something written, as nobody knows this before.
NONCE = os.urandom(6).hex()
MARKED = f"\0{NONCE}:"
MARK = re.compile(f"{MARKED}([0-9]+)\1")
BLANKS = "\x1c\x1d\x1e\x1f"
"""What Jinja takes for blanks, and nobody writes."""

OPERATIONS: dict[tuple[str, ...], Callable[[object], object]] = {
    ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv"): lambda self: self,
    ("floordiv", "rfloordiv", "mod", "rmod", "pow", "rpow", "pos", "neg"): lambda self: self,
    ("call", "getitem"): lambda self: self,
    ("lt", "le", "gt", "ge", "eq", "ne", "bool", "contains"): lambda _: False,
    ("len", "int", "hash"): lambda _: 0,
    ("float",): lambda _: 0.0,
    ("str",): lambda _: "",
    ("iter",): lambda _: iter(()),
}
"""What an undefined value gives for each operation, once its use is noted."""

DEFINED = "define it as a variable, or give it a default where it is used"
LARGEST = 10_000_000
"""Characters or bits that a product or a power may have."""

NAME = "<template>"
"""File of all templates in Python's tracebacks, as code is shared by files that are equal."""

MOST_CODES = 10_000
_CODES: dict[str, CodeType] = {}
"""Code of templates, by the hashes of their sources."""

OPEN = re.compile(r"block that needs to be closed is '(\w+)'")
UNKNOWN = re.compile(r"No (filter|test) named '(.+?)'")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template became.

    Attributes:
        output: The lines of the output; may hold secrets.
        source: The lines of the template.
        file: Name of the template in findings.
        lines: Line of the template that each line of the output is from, counted from 1.
    """

    output: tuple[str, ...] = field(repr=False)
    source: tuple[str, ...] = field(repr=False)
    file: str
    lines: tuple[int, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """The output; may hold secrets."""
        return "\n".join(self.output)

    def locate(self, line: int, column: int) -> Place:
        """Return where a place of the output was written.

        The column is None where a template expression has moved it.
        """
        index = min(line, len(self.lines)) - 1
        written = self.lines[index]
        before = column - 1
        was = self.source[written - 1][:before] if written <= len(self.source) else ""
        same = self.output[index][:before] == was
        return Place(self.file, written, column if same else None)


def render(
    source: str,
    file: str,
    names: Mapping[str, Any],
    created: Callable[[str], datetime] | None = None,
) -> tuple[Rendered | None, list[Finding]]:
    """Render a template.

    Args:
        source: The template.
        file: Its name in findings.
        names: What it may use.
        created: Tells when a file that a template names was made; there are none by default.

    Returns:
        The output, None when an error is among the findings, and everything that is to say.
    """
    from jinja2 import Template, TemplateSyntaxError

    findings: list[Finding] = []
    jinja = _jinja(file, names, findings)
    if created:
        jinja.filters["created_at"] = created
    try:
        code = _compiled(source, jinja, findings)
        template = Template.from_code(jinja, code, jinja.make_globals(None))
        output = template.render(names)
        # Reason: half a surrogate pair is a text, but nothing that a file can hold.
        output.encode()
    except TemplateSyntaxError as error:
        findings.append(_syntax_finding(error, file, jinja))
    except Exception as error:  # noqa: BLE001 - filters and methods may raise anything
        # Reason: what fails after an undefined name mostly fails because of it.
        if not _fails(findings):
            place = Place(file, _line_of(error.__traceback__))
            message = f"{error}" or type(error).__name__
            hint = getattr(error, "hint", None)
            findings.append(place.finding("template-error", message, hint))
    if _fails(findings):
        return None, findings
    return _unmarked(output, source, file), findings


def _compiled(source: str, jinja: Jinja, findings: Sequence[Finding]) -> CodeType:
    """Return the code of a template; the same template is compiled once, whatever its file."""
    key = sha256(source.encode(errors="surrogatepass"))
    if key in _CODES:
        return _CODES[key]
    returns = next((blank for blank in BLANKS if blank not in source), "")
    tree = jinja.parse(source.replace("\r", returns), NAME, NAME)
    _restore(tree, returns)
    for statements in _direct(tree.body):
        _mark(statements)
    code = jinja.compile(tree, NAME, NAME)
    # Reason: Jinja works out constants as it compiles, and those depend on the file here.
    if not findings and "created_at" not in source and len(_CODES) < MOST_CODES:
        _CODES[key] = code
    return code


def _fails(findings: Iterable[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def _jinja(file: str, names: Mapping[str, Any], findings: list[Finding]) -> Jinja:
    # Reason: the output is configuration, not HTML; escaping would damage it.
    jinja = _bounded()(keep_trailing_newline=True, autoescape=False, cache_size=0)
    jinja.filters |= FILTERS
    jinja.globals |= _clock(file, names, findings)
    jinja.undefined = _recorder(file, {**jinja.globals, **names}, findings)
    return jinja


@cache
def _bounded() -> type[Jinja]:
    from jinja2.sandbox import SandboxedEnvironment

    # Reason: a template makes text. In the sandbox it reaches neither files nor the rest of
    # Python, and a slip of the pen does not keep a processor busy for a week.
    class Bounded(SandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**"})

        def call_binop(self, context: object, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
            _check_size(operator, left, right)
            return super().call_binop(context, operator, left, right)  # type: ignore[arg-type]

    return Bounded


def _check_size(operator: str, left: object, right: object) -> None:
    """Refuse a product or a power that would take all memory or time."""
    size = 0
    if operator == "**" and isinstance(left, int) and isinstance(right, int):
        size = left.bit_length() * right
    for some, count in ((left, right), (right, left)):
        if isinstance(some, str | list | tuple) and isinstance(count, int):
            size = len(some) * count
    if size > LARGEST:
        message = f"the result of {operator} is too large"
        raise FilterError(message)


def _clock(
    file: str, names: Mapping[str, Any], findings: list[Finding]
) -> dict[str, Callable[[], datetime]]:
    """Return the functions that tell the time, which note that the config changes with it."""

    def warn(name: str) -> None:
        if times.given() is None:
            place = Place(file, _calling_line())
            message = f"{name}() makes another config of every rendering, and so machines anew"
            hint = f"set {times.VARIABLE}, or use created_at"
            finding = place.finding("changing-config", message, hint, Severity.WARNING)
            if finding not in findings:
                findings.append(finding)

    def utc_now() -> datetime:
        warn("utc_now")
        return times.utc_now()

    def local_now() -> datetime:
        warn("local_now")
        locale = names.get("LOCALE")
        zone = locale.get("TIMEZONE") if isinstance(locale, dict) else None
        return times.local_now(str(zone or "UTC"))

    return {"utc_now": utc_now, "local_now": local_now}


def _restore(tree: nodes.Template, returns: str) -> None:
    """Put carriage returns back, which Jinja would have made the same in all lines."""
    from jinja2 import nodes

    if not returns:
        return
    for data in tree.find_all(nodes.TemplateData):
        data.data = data.data.replace(returns, "\r")
    for constant in tree.find_all(nodes.Const):
        if isinstance(constant.value, str):
            constant.value = constant.value.replace(returns, "\r")


def _direct(body: Iterable[nodes.Node]) -> Iterable[nodes.Output]:
    """Yield statements whose text goes straight to the output.

    What a macro, a filter block or a block assignment holds is a value first, which a mark
    would change.
    """
    from jinja2 import nodes

    for node in body:
        if isinstance(node, nodes.Output):
            yield node
        elif isinstance(node, nodes.For):
            yield from _direct((*node.body, *node.else_))
        elif isinstance(node, nodes.If):
            yield from _direct((*node.body, *node.elif_, *node.else_))
        elif isinstance(node, nodes.With | nodes.Scope | nodes.ScopedEvalContextModifier):
            yield from _direct(node.body)


def _mark(output: nodes.Output) -> None:
    """Put the number of each line of text in front of it."""
    from jinja2 import nodes

    for node in output.nodes:
        if isinstance(node, nodes.TemplateData):
            lines = node.data.split("\n")
            numbered = (f"\0{NONCE}:{node.lineno + i}\1{line}" for i, line in enumerate(lines))
            node.data = "\n".join(numbered)


def _unmarked(output: str, source: str, file: str) -> Rendered:
    text: list[str] = []
    lines: list[int] = []
    current = 1
    for marked in output.split("\n"):
        line = marked
        if line.startswith(MARKED):
            # Reason: most lines have one mark, which begins them.
            number, _, line = line.removeprefix(MARKED).partition("\1")
            current = int(number)
        lines.append(current)
        if MARKED in line:
            current = int(MARK.findall(line)[-1])
            line = MARK.sub("", line)
        text.append(line)
    return Rendered(tuple(text), tuple(source.split("\n")), file, tuple(lines))


def _recorder(file: str, names: Mapping[str, Any], findings: list[Finding]) -> type:
    """Return a kind of undefined that notes its first use and lets the template go on.

    So one rendering finds all undefined names that are used, and none that are only asked
    for with ``is defined`` or ``default``.
    """

    def record(undefined: object) -> None:
        finding = _undefined_finding(undefined, file, names)
        if finding not in findings:
            findings.append(finding)

    return type("Recorder", (_recording(),), {"__slots__": (), "_record": record})


@cache
def _recording() -> type:
    """Return what all recorders are; a class with so many methods takes long to make."""
    from jinja2 import Undefined

    def note(result: Callable[[object], object]) -> Callable[..., object]:
        def method(self: Any, *_: object, **__: object) -> object:  # noqa: ANN401 - a recorder
            self._record()
            return result(self)

        return method

    def attribute(self: Any, name: str) -> object:  # noqa: ANN401 - a recorder
        if name.startswith("__"):
            raise AttributeError(name)
        self._record()
        return self

    methods: dict[str, object] = {"__slots__": (), "__getattr__": attribute}
    for names_of, result in OPERATIONS.items():
        methods |= {f"__{name}__": note(result) for name in names_of}
    return type("Recording", (Undefined,), methods)


def _undefined_finding(undefined: Any, file: str, names: Mapping[str, Any]) -> Finding:  # noqa: ANN401 - Jinja's attributes are not public
    from jinja2.utils import missing

    place = Place(file, _calling_line())
    name = str(undefined._undefined_name)  # noqa: SLF001
    owner = undefined._undefined_obj  # noqa: SLF001
    if owner is missing:
        close = spelling.closest(name, names)
        advice = f"did you mean {close}?" if close else DEFINED
        return place.finding("undefined-name", f"{name} is not defined", advice)
    known = [str(key) for key in owner] if isinstance(owner, dict) else []
    hint = spelling.suggestion(name, known)
    what = {"dict": "a mapping", "list": "a list", "str": "a text"}.get(
        type(owner).__name__, f"a value of type {type(owner).__name__}"
    )
    return place.finding("undefined-name", f"{what} has no {name}", hint)


def _calling_line() -> int | None:
    """Return the line of the template that is being rendered."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the only way to the caller's line
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return int(template.get_corresponding_lineno(frame.f_lineno))
        frame = frame.f_back
    return None


def _line_of(trace: TracebackType | None) -> int | None:
    """Return the line of the template where an error came from; Jinja rewrites tracebacks."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _syntax_finding(error: Any, file: str, jinja: Jinja) -> Finding:  # noqa: ANN401 - TemplateSyntaxError
    message = str(error.message)
    hint = _syntax_hint(message)
    unknown = UNKNOWN.match(message)
    if unknown:
        known = jinja.filters if unknown[1] == "filter" else jinja.tests
        close = spelling.closest(unknown[2], known)
        hint = f"did you mean {close}?" if close else None
    code = f"unknown-{unknown[1]}" if unknown else "template-syntax"
    return Place(file, error.lineno).finding(code, message.rstrip("."), hint, Severity.ERROR)


def _syntax_hint(message: str) -> str | None:
    """Return what to do about a template that Jinja cannot read."""
    open_ = OPEN.search(message)
    if open_:
        return f"close it with {{% end{open_[1]} %}}"
    if "unexpected" in message or "expected token" in message:
        return "braces that are no template's stand between {% raw %} and {% endraw %}"
    return None
