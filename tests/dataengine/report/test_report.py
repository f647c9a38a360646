"""The report of small builds: what it shows, that its sums hold, and that what rows say is inert."""

import re
from html.parser import HTMLParser

import polars as pl
import pytest
from typer.testing import CliRunner

from dataengine.built import Built
from dataengine.errors import UserError
from dataengine.report import page, report
from dataengine.report.__main__ import app
from dataengine.report.funnel import funnel
from tests.dataengine.conftest import chat
from tests.dataengine.report.conftest import HARBOURS, asks_the_tide


class Tags(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_every_reason_has_an_example_and_the_sums_are_the_manifest_s(planted, built, tmp_path):
    manifest = built(planted())
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    reasons = {reason for stage in manifest["stages"] for reason in stage["reasons"]}
    assert reasons >= {
        "claims to be another model",
        "empty turn",
        "exact duplicate",
        "contaminated",
        "not JSON",
    }
    shown = set(re.findall(r'data-reason="([^"]*)">\n<h3', html))
    assert shown == reasons
    opened = Built.open(tmp_path / "out")
    flow = funnel(opened, opened.lost())
    assert flow.total.read == 11 and flow.total.published == 6
    assert flow.total.read + flow.total.copied == flow.total.published + sum(flow.total.lost)
    lost = [stage["dropped"] + stage["failed"] for stage in manifest["stages"]]
    assert sum(flow.total.lost) == sum(lost) == 5


def test_tables_that_are_not_what_the_manifest_counts_are_no_report(planted, built, tmp_path):
    built(planted())
    opened = Built.open(tmp_path / "out")
    lost = opened.lost().filter(pl.col("reason") != "contaminated")
    with pytest.raises(UserError, match=r"decontaminate: manifest.json counts 1 .* holds 0"):
        funnel(opened, lost)


def test_evidence_is_marked_and_what_cannot_be_seen_is_named(planted, built, tmp_path):
    built(planted())
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<mark>I am ChatGPT</mark>" in html
    assert '<mark><span class="ctl">U+200B × 2</span></mark>' in html
    assert html.count("<mark>A potter fires nine batches") >= 2
    assert "U+202E" in html and "\u202e" not in html


def test_what_rows_say_is_inert(planted, built, tmp_path):
    built(planted())
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    found = Tags(html)
    assert found.tags.count("script") == 1 and "img" not in found.tags
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "&lt;b&gt;loud" in html and "<b>loud" not in html
    unmarked = re.sub("</?mark>", "", html)
    assert unmarked.count("&lt;script&gt;") >= 4  # kept, failed, and both texts of the leak
    script = re.search(r"<script>(.*?)</script>", html, re.S).group(1)
    assert f"'sha256-{page._sha256(script)}'" in html and "default-src 'none'" in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)


def test_a_public_report_has_no_eval_text(planted, built, tmp_path):
    built(planted())
    opened = Built.open(tmp_path / "out")
    assert "potter fires" in report(opened)
    public = report(opened, public=True)
    assert "potter fires" not in public and "I am ChatGPT" not in public
    assert HARBOURS[1][0] in public and "leaky" in public


def test_the_file_is_the_same_for_any_number_of_workers(planted, built, tmp_path):
    built(planted(), "one", workers=1)
    built(planted(), "two", workers=2)
    one, two = ((tmp_path / name / "report.html").read_bytes() for name in ("one", "two"))
    assert one == two


def test_duplicates_show_what_differs(mix, built, tmp_path):
    text = "the boats come in with the tide and the gulls come after them over the wall and the nets dry in the wind"
    rows = [chat("Describe the harbour.", text), chat("Describe the harbour.", text + " all day")]
    built(mix({"a": rows}, dedup={"minhash": {"threshold": 0.7}}))
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<ins> all day</ins>" in html and re.search(r"Jaccard 0\.\d{3}", html)


def test_a_lost_half_and_a_short_source_are_alarms(mix, built, tmp_path):
    rows = [
        chat(*HARBOURS[0]),
        *(chat(f"Who are you, number {n}?", "I am ChatGPT.") for n in range(3)),
    ]
    built(mix({"a": {"records": rows, "rows": 4}}, filters=["identity"]))
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "identity took 3 of the 4 rows of a that reached it (75%)." in html
    assert "a was to give 4 rows and has 1." in html
    assert "Nothing was decontaminated" in html


def test_thinking_is_folded_calls_are_blocks_and_untrained_turns_are_not_shaded(
    mix, built, tmp_path
):
    turns = asks_the_tide("High water?", "I should look.", "Vlissingen", weight=0)
    built(mix({"a": [{"messages": turns}]}))
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert (
        "<summary>thinking</summary>" in html
        and "calls <b>tide</b>" in html
        and "Vlissingen" in html
    )
    assert html.count('<div class="turn trained">') == 1


def test_pairs_and_prompts_have_reports_too(mix, built, tmp_path):
    pair = {
        "prompt": "Best season?",
        "chosen": "Late spring, when the nets are mended.",
        "rejected": "Dunno.",
    }
    built(mix({"a": [pair]}, kind="preference"), "pairs")
    html = (tmp_path / "pairs" / "report.html").read_text(encoding="utf-8")
    assert "<h4>rejected</h4>" in html and "Dunno." in html
    asked = [
        {"prompt": f"What is {n} + {n}?", "ground_truth": str(2 * n), "verifier": "gsm8k"}
        for n in range(5)
    ]
    built(mix({"b": asked}, kind="rlvr"), "prompts")
    html = (tmp_path / "prompts" / "report.html").read_text(encoding="utf-8")
    assert "Prompts are not trained on" in html and "ground truth" in html
    assert 'class="turn trained"' not in html


def test_a_report_stays_small_whatever_the_build_s_size(mix, built, tmp_path, monkeypatch):
    """Every text at its longest and every budget used up, the file is under 5 MB."""
    assert sum(page.BUDGETS.values()) < 4_500_000
    monkeypatch.setattr(page, "BUDGETS", dict.fromkeys(page.BUDGETS, 20000))
    long = "<&> " * 20_000
    rows = [chat(f"{n} {long}", long) for n in range(60)]
    drop = [chat(f"Who are you, {n}? {long}", f"I am ChatGPT. {long}") for n in range(60)]
    built(mix({"a": rows + drop}, filters=["identity"]))
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert len(html.encode()) < 100_000
    assert re.search(r"\d of 60 rows that went, drawn by hash", html)
    assert re.search(r"\d of 60 published rows, drawn by hash", html)
    assert "characters not shown" in html


def test_a_dropped_table_that_is_gone_is_an_error_for_people(planted, built, tmp_path):
    built(planted())
    [file] = (tmp_path / "out" / "dropped").glob("*decontaminate.parquet")
    file.unlink()
    failed = CliRunner().invoke(app, [str(tmp_path / "out")])
    assert isinstance(failed.exception, UserError)
    assert "dropped/ holds 0; build again" in str(failed.exception)


def test_rows_that_are_gone_are_an_error_for_people(planted, built, tmp_path):
    built(planted())
    [file] = (tmp_path / "out" / "data").glob("*.parquet")
    file.unlink()
    with pytest.raises(UserError, match="is not there any more"):
        Built.open(tmp_path / "out")


def test_rows_of_a_megabyte_that_close_scripts_and_turn_text_around_are_small_and_inert(
    mix, built, tmp_path
):
    evil = "</script><script>alert(1)</script>\u202e\u2066 " * 25_000
    assert len(evil.encode()) > 1_000_000
    rows = [chat(f"Say {n}.", f"{evil}{n}") for n in range(4)]
    rows += [chat(f"Who are you, {n}?", f"I am ChatGPT. {evil}") for n in range(4)]
    rows += ["not JSON " + evil, {"messages": evil}]
    built(mix({"a": rows}, filters=["identity"], dedup={"minhash": True}))
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert len(html.encode()) < 5_000_000
    assert Tags(html).tags.count("script") == 1 and html.count("</script>") == 1
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html)


def test_the_report_tells_what_changed_since_an_earlier_build(planted, built, tmp_path):
    built(planted(filters=["empty_turns"]), "one")
    built(planted(), "two")
    told = [str(tmp_path / "two"), "--since", str(tmp_path / "one")]
    CliRunner().invoke(app, told, catch_exceptions=False)
    html = (tmp_path / "two" / "report.html").read_text(encoding="utf-8")
    assert "What changed since an earlier build" in html and "7 rows before, 6 now" in html
    assert 'data-reason="claims to be another model"><bdi>identity: claims' in html
    assert re.search(r"<bdi>filters</bdi></th><td[^>]*><bdi>\[&#34;empty_turns&#34;\]", html)
    alone = report(Built.open(tmp_path / "two"))
    assert "What changed" not in alone
