"""Tests of strict templates."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolbox.lib.butane.filters import FILTERS
from toolbox.lib.butane.template import Rendered, render
from toolbox.lib.inventory.document import Place


def rendered(source: str, **names: object) -> Rendered:
    """Return the output of a template that is right."""
    output, findings = render(source, "x.bu", names)
    assert not findings
    assert output is not None
    return output


def refused(source: str, **names: object) -> list[str]:
    """Return the findings of a template that is wrong."""
    output, findings = render(source, "x.bu", names)
    assert output is None
    return [finding.render() for finding in findings]


def test_text_passes_untouched() -> None:
    """What is no expression comes out byte for byte, its last newline too."""
    source = "a: 1\n\n# {{ '{{' }}\nü: \t€\n"
    assert rendered(source).text == source.replace("{{ '{{' }}", "{{")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\r\n{{ x }}\r\n", "a\r\n1\r\n"),
        ("a\r\n{{ x }}\nb\rc\n\r\n", "a\r\n1\nb\rc\n\r\n"),
        ("{% if x %}\r\na\n{% endif %}\r\n", "\r\na\n\r\n"),
        ("{{ [x,\r\n  2,\n  3] | length }}\r\n", "3\r\n"),
        ("{% set y %}a\r\n{% endset %}{{ y | length }}\n", "3\n"),
        ("{{ 'a\r\nb' | length }}\n", "4\n"),
        ("\x1c\x1d{{ x }}\r\n", "\x1c\x1d1\r\n"),
        ("\x0c\u2028{{ x }}\x85\r\n", "\x0c\u20281\x85\r\n"),
    ],
)
def test_r_2_1_load_text_line_endings(source: str, expected: str) -> None:
    """Each line keeps its own ending, also where they differ."""
    assert rendered(source, x=1).text == expected


def test_lines_are_those_of_an_editor() -> None:
    """A line ends where editors end it, so that findings point where one looks."""
    source = "a\x0c\u2028\r\nb\n{{ missing }}\n"
    assert refused(source)[0].startswith("x.bu:3: ")
    output = rendered("a\x0c\u2028\r\nb c\n")
    assert output.locate(2, 3) == Place("x.bu", 2, 3)


def test_marks_of_lines_cannot_be_written() -> None:
    """What looks like one of our marks is text like any other."""
    assert rendered("\0001\1{{ x }}\n", x="\0002\1").text == "\0001\1\0002\1\n"


def test_r_2_1_jinja_run_keeps_trailing_newline() -> None:
    """The last newline stays."""
    assert rendered("a\n").text == "a\n"
    assert rendered("a").text == "a"


def test_r_2_1_jinja_run_refuses_undefined_names() -> None:
    """All undefined names are found at once, each with its line and a suggestion."""
    source = "{{ HOSTNAME }}\n{{ HOSTNAM }}\n{% for x in ports %}\n{% endfor %}\n{{ web.pot }}\n"
    assert refused(source, HOSTNAME="a", web={"port": 1}) == [
        "x.bu:2: error[undefined-name]: HOSTNAM is not defined\n  hint: did you mean HOSTNAME?",
        (
            "x.bu:3: error[undefined-name]: ports is not defined\n"
            "  hint: define it as a variable, or give it a default where it is used"
        ),
        "x.bu:5: error[undefined-name]: a mapping has no pot\n  hint: did you mean port?",
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "{{ x }}",
        "{{ x.y.z }}",
        "{{ x.record }}",
        "{{ x[1] + 2 }}",
        "{{ 'a' ~ x }}",
        "{{ x() }}",
        "{{ x | upper }}",
        "{{ x | length }}",
        "{{ x | tojson }}",
        "{{ x | int }}",
        "{{ 5 + x }}",
        "{% if x %}{% endif %}",
        "{% if x == 1 %}{% endif %}",
        "{% if 1 in x %}{% endif %}",
        "{% if x > 1 %}{% endif %}",
        "{% set y = x %}{{ y }}",
        "{{ [3, 1] | join(x) }}",
        "{% macro m() %}{{ x }}{% endmacro %}{{ m() }}",
    ],
)
def test_every_use_of_an_undefined_name(expression: str) -> None:
    """However an undefined name is used, it is found, once."""
    (finding,) = refused(f"\n{expression}\n")
    assert finding.startswith("x.bu:2: error[undefined-name]: x is not defined")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{{ x | default('none') }}", "none"),
        ("{% if x is defined %}{{ x }}{% endif %}", ""),
        ("{{ x is undefined }}", "True"),
    ],
)
def test_asking_for_a_name(expression: str, expected: str) -> None:
    """To ask whether a name is defined is no mistake, and is answered."""
    assert rendered(expression).text == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\n{% if %}\n", "x.bu:2: error[template-syntax]: Expected an expression"),
        ("a\n{{ b\n", "x.bu:2: error[template-syntax]: unexpected end of template"),
        ("{% if a %}\n", "x.bu:1: error[template-syntax]: Unexpected end of template"),
        (
            "\n{{ 1 | upperr }}",
            "x.bu:2: error[unknown-filter]: No filter named 'upperr'\n  hint: did",
        ),
        ("\n{{ 1 is ood }}", "x.bu:2: error[unknown-test]: No test named 'ood'\n  hint: did you"),
        ("a\nb\n{{ 1 / 0 }}\n", "x.bu:3: error[template-error]: division by zero"),
        ("\n{{ 'a' + 1 }}\n", "x.bu:2: error[template-error]: can only concatenate str"),
        ("\n{% include 'y' %}\n", "x.bu:2: error[template-error]: no loader"),
    ],
)
def test_mistakes(source: str, expected: str) -> None:
    """Every other mistake has its line too."""
    (finding,) = refused(source)
    assert finding.startswith(expected)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("{{ not }}", "braces that are no template's stand between {% raw %} and {% endraw %}"),
        ("{{ .Names }}", "braces that are no template's stand between {% raw %} and {% endraw %}"),
        ("{{ a b }}", "braces that are no template's stand between {% raw %} and {% endraw %}"),
        ("{% for x in y %}{% if x %}", "close it with {% endif %}"),
    ],
)
def test_hints_of_what_cannot_be_read(source: str, hint: str) -> None:
    """Who meant no template, or has left a block open, is told what to write."""
    (finding,) = refused(source)
    assert finding.endswith(f"\n  hint: {hint}")


def test_lines_through_loops_and_conditions() -> None:
    """Each line of the output knows the line it was written on."""
    source = "a\n{% for x in [1, 2] %}\nb{{ x }}\n{% endfor %}\n{% if 0 %}\nc\n{%- endif %}\nd\n"
    output = rendered(source)
    lines = output.text.split("\n")
    assert {(line, output.lines[at]) for at, line in enumerate(lines) if line} == {
        ("a", 1),
        ("b1", 3),
        ("b2", 3),
        ("d", 8),
    }


def test_lines_of_a_value_with_several() -> None:
    """All lines of a value are from the line of its expression."""
    output = rendered("a\n{{ x }}\nb\n", x="1\n2\n3")
    assert output.lines == (1, 2, 2, 2, 3, 4)


def test_columns() -> None:
    """A column is told only where no expression has moved it."""
    output = rendered("ab {{ x }} c\nd\n", x="long value")
    assert output.locate(1, 3) == Place("x.bu", 1, 3)
    assert output.locate(1, 8) == Place("x.bu", 1, None)
    assert output.locate(2, 1) == Place("x.bu", 2, 1)
    assert output.locate(99, 1).file == "x.bu"


@pytest.mark.parametrize(
    "source",
    [
        "{% set y %}a\nb{% endset %}{{ y | length }}",
        "{% filter replace('a\nb', '3') %}a\nb{% endfilter %}",
        "{% macro m() %}a\nb{% endmacro %}{{ m() | length }}",
        "{% call c() %}a\nb{% endcall %}",
    ],
)
def test_marks_stay_out_of_values(source: str) -> None:
    """Text that is a value before it is output holds nothing but itself."""
    macro = "{% macro c() %}{{ caller() | length }}{% endmacro %}"
    assert rendered(macro + source).text == "3"


def test_json_for_yaml() -> None:
    """JSON in a template has no surrogate pairs, which YAML does not know."""
    assert rendered("{{ x | tojson }}", x="a\n\U0001f600").text == '"a\\n\U0001f600"'


@pytest.mark.parametrize(
    "expression",
    [
        "{{ ''.__class__ }}",
        "{{ x.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ range(10000000) | list }}",
        "{{ 2 ** (10 ** 9) }}",
        "{{ 'x' * 10 ** 12 }}",
        "{{ 10 ** 12 * [1] }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include '/etc/passwd' %}",
        "{{ '\\ud800' }}",
    ],
)
def test_what_a_template_cannot(expression: str) -> None:
    """A template reaches no files and nothing of Python, and ends in time."""
    assert refused(f"\n{expression}\n", x="text")


@pytest.mark.parametrize("power", ["2 ** 9", "2 ** -1", "'ab' * 2", "[1] * 0", "1.5 ** 2"])
def test_powers_and_products(power: str) -> None:
    """Those that fit are computed."""
    assert rendered(f"{{{{ {power} }}}}").text == str(eval(power))


PIECES = st.sampled_from(
    [
        *("{{ ", " }}", "{% ", " %}", "{# ", " #}", "-%}", "{%-", "\r\n", "\n", "\r", "\0", "\x1c"),
        *("if x", "else", "endif", "for y in x", "endfor", "set z", "endset", "raw", "endraw"),
        *("x", "y", "|", ".", "(", ")", "[", "]", "'", '"', "1", "-", "*", "~", "=", ",", ":", " "),
        *FILTERS,
        *("macro m()", "endmacro", "filter upper", "endfilter", "with", "endwith", "utc_now()"),
    ]
)


@settings(max_examples=1000)
@given(st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=20).map("".join))
def test_any_template_is_answered(source: str) -> None:
    """Whatever is written comes out, or is told with its line; nothing else happens."""
    output, findings = render(source, "x.bu", {"x": ["10.0.0.1/24", "a"]})
    assert (output is None) == any(finding.severity == "error" for finding in findings)
    lines = source.count("\n") + 1
    assert all(1 <= (finding.line or 1) <= lines for finding in findings)
    if output is not None:
        assert len(output.lines) == len(output.text.split("\n"))
        assert all(1 <= line <= lines for line in output.lines)


@given(st.text().filter(lambda text: "{" not in text))
def test_any_text_passes(source: str) -> None:
    """A text without a brace comes out as it is, its lines where they were."""
    output = rendered(source)
    assert output.text == source
    assert output.lines == tuple(range(1, source.count("\n") + 2))


def test_misspelt_functions() -> None:
    """A function is suggested as a name is."""
    assert "did you mean utc_now?" in refused("{{ utc_nwo() }}")[0]


def test_output_does_not_print() -> None:
    """The output may hold secrets, so it is not shown."""
    assert "secret" not in repr(rendered("{{ x }}", x="secret"))
