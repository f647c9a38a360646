"""Trained turns as a chat template marks them."""

import importlib.util

import pytest

from dataengine.built import Built
from dataengine.errors import UserError
from dataengine.report import mask, report
from dataengine.row import message
from tests.dataengine.report.conftest import asks_the_tide

THERE = all(map(importlib.util.find_spec, ("transformers", "trl")))
needs_trl = pytest.mark.skipif(not THERE, reason="needs transformers and trl (extra train)")

MARKED = (
    "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}"
)


@pytest.fixture
def template(tmp_path):
    """template(text): a template of one's own."""

    def written(text):
        file = tmp_path / "own.jinja"
        file.write_text(text, encoding="utf-8")
        return mask.Template.named(str(file))

    return written


def turns(*said):
    """(role, content, more) as stored turns."""
    return {"messages": [message(role, content, **more) for role, content, more in said]}


@needs_trl
def test_fields_that_the_template_writes_into_its_marks_are_trained(template):
    row = turns(
        ("user", "High water?", {}),
        ("assistant", "At six.", {"reasoning_content": "I look."}),
        ("user", "And low?", {}),
        ("assistant", "At noon.", {"weight": 0.0}),
    )
    assert template(MARKED).trained(row) == mask.Trained({1: frozenset({"content"})})


@needs_trl
def test_a_template_that_trl_ships_goes_by_its_name():
    """The marked Qwen 3 keeps the thinking of every turn, as it is trained on."""
    row = turns(
        ("user", "High water?", {}),
        ("assistant", "At six.", {"reasoning_content": "I look it up."}),
        ("user", "And low?", {}),
        ("assistant", "At noon.", {"reasoning_content": "Six hours later."}),
    )
    found = mask.Template.named("qwen3").trained(row)
    assert found.trouble == ""
    assert found.fields[1] == found.fields[3] == {"content", "reasoning_content"}


@needs_trl
def test_calls_that_are_marked_are_trained():
    row = {"messages": [message(**turn) for turn in asks_the_tide("When?", "I ask.", "Delft")]}
    found = mask.Template.named("qwen3").trained(row)
    assert "tool_calls" in found.fields[1] and found.fields[3] == {"content"}


@needs_trl
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% generation %}{% endgeneration %}{{ raise_exception('no') }}", "cannot render .*: no"),
        ("{% generation %}all{% endgeneration %}", "marks 1 stretches for 2 turns"),
    ],
)
def test_where_a_template_says_nothing_of_a_row_it_is_said_why(template, text, why):
    row = turns(*(("user", "A?", {}), ("assistant", "B.", {})) * 2)
    found = template(text).trained(row)
    assert found.fields == {} and mask.re.search(why, found.trouble)


@needs_trl
def test_the_report_shades_by_the_template_and_names_what_it_leaves_out(
    mix, built, template, tmp_path
):
    built(mix({"a": [{"messages": asks_the_tide("High water?", "I should look.", "Delft")}]}))
    html = report(Built.open(tmp_path / "out"), template=template(MARKED))
    assert "as the chat template own marks them" in html
    assert "not trained on: thinking, calls" in html
    assert html.count('<div class="turn trained">') == 1  # of a turn that only calls, nothing


@needs_trl
def test_names_that_mean_no_template_with_marks_are_errors(template):
    with pytest.raises(UserError, match=r"no template is called 'nothing'.*known: .*qwen3"):
        mask.Template.named("nothing")
    with pytest.raises(UserError, match="cannot be read"):
        mask.Template.named("nowhere.jinja")
    with pytest.raises(UserError, match="marks nothing"):
        template("{{ messages }}")


def test_without_transformers_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(mask.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match="transformers renders chat templates, and is not installed"
    ):
        mask.Template.named("qwen3")
