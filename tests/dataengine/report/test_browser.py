"""The report in a real browser: quiet, without the network, readable, used by click and key."""

import asyncio
import base64
import itertools
import json
import re
from pathlib import Path

import pytest

from dataengine import why
from dataengine.built import Built
from dataengine.stages import reviewed
from tests.dataengine.report.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

COUNT = "[...document.querySelectorAll('#examples article')].filter(a => !a.hidden).length"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CLICK = "document.querySelector('#funnel a[data-stage=\"{}\"]').click()"


@pytest.fixture
def looking(planted, built, tmp_path):
    """looking(tour): what a tour of the planted build's report finds."""
    built(planted())

    def look(tour):
        async def toured():
            async with Browser(tmp_path / "profile") as browser:
                return await tour(browser, (tmp_path / "out" / "report.html").as_uri())

        return asyncio.run(toured())

    return look


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, False), (390, True)])
def test_it_is_quiet_asks_nobody_and_fits_the_window(looking, width, dark):
    async def tour(browser, url):
        await browser.open(url, width, dark)
        paper = await browser.run("getComputedStyle(document.body).backgroundColor")
        return url, browser.events, await browser.run(WIDER), paper

    url, events, wider, paper = looking(tour)
    asked = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    wrong = [e for e in events if e["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert set(asked) == {url} and wrong == [] and wider <= 0
    assert (sum(map(int, paper[4:-1].split(","))) < 3 * 64) is dark


def test_a_number_of_the_funnel_shows_its_rows(looking):
    async def tour(browser, url):
        await browser.open(url, 1280)
        every = await browser.run(COUNT)
        await browser.run(CLICK.format("identity"))
        return every, await browser.run(COUNT), await browser.run(
            "document.querySelector('#examples article:not([hidden])').textContent"
        ), await browser.run("location.hash")  # fmt: skip

    every, count, text, place = looking(tour)
    assert (every, count, place) == (5, 1, "#examples") and "I am ChatGPT" in text


def test_search_works_by_key_and_escape_ends_it(looking):
    async def tour(browser, url):
        await browser.open(url, 1280)
        await browser.press("/", 191)
        for letter in "potter":
            await browser.press(letter, ord(letter.upper()))
        found = await browser.run("document.getElementById('found').textContent")
        shown = await browser.run(COUNT)
        await browser.press("Escape", 27)
        return found, shown, await browser.run(COUNT)

    assert looking(tour) == ("2 found", 1, 5)


async def keep_and_save(browser, url, who, folder):
    """Keep the first row that is shown beside an item, and save that into `folder`; returns how
    many buttons are pressed."""
    folder.mkdir()
    allowed = {"behavior": "allow", "downloadPath": str(folder)}
    await browser.call("Browser.setDownloadBehavior", **allowed)
    await browser.open(url, 1280)
    await browser.run(f"document.getElementById('who').value = '{who}'")
    await browser.run("document.querySelector('[data-say=keep]').click()")
    pressed = await browser.run("document.querySelectorAll('[aria-pressed=true]').length")
    await browser.run("document.getElementById('save').click()")
    for _ in range(500):
        if not (folder / "review.csv").is_file():
            await asyncio.sleep(0.02)
    return pressed


def test_what_a_reviewer_clicks_is_saved_as_a_file(looking, tmp_path):
    folder = tmp_path / "downloads"

    async def tour(browser, url):
        return await keep_and_save(browser, url, 'me, "myself"', folder), browser.events

    pressed, events = looking(tour)
    assert pressed == 1 and "Runtime.exceptionThrown" not in {e["method"] for e in events}
    [decided] = reviewed.read(folder / "review.csv").to_dicts()
    assert decided["eval_id"].startswith("leaky/") and decided["decided"] == "keep-by-review"
    assert decided["why"] == 'reviewed by me, "myself"'


def test_what_a_reviewer_saved_changes_the_next_build_and_is_told_of(
    looking, planted, built, tmp_path
):
    looking(lambda browser, url: keep_and_save(browser, url, "Ada", tmp_path / "downloads"))
    before = Built.open(tmp_path / "out")
    [row], _ = why.why(before, "a:9")
    assert row["out"]["reason"] == "contaminated"
    with_review = {"against": ["evals/leaky.jsonl"], "review": "downloads/review.csv"}
    manifest = built(planted(decontaminate=with_review), "next")
    [kept], _ = why.why(Built.open(tmp_path / "next"), "a:9")
    assert kept["split"] == "train" and kept["items"][0]["decision"] == "keep-by-review"
    assert manifest["fingerprint"] != before.manifest["fingerprint"]
    assert "reviewed by Ada" in (tmp_path / "next" / "report.html").read_text(encoding="utf-8")
    assert re.search("review", (tmp_path / "next" / "README.md").read_text(encoding="utf-8"))


AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
BROKEN = """axe.run().then(found => JSON.stringify(found.violations
    .filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => [v.id, v.nodes.map(n => n.html)])))"""


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core (npm install --no-save axe-core)")
@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, False), (1280, True)])
def test_axe_finds_nothing_serious(looking, width, dark, media):
    async def tour(browser, url):
        await browser.open(url, width, dark, media)
        await browser.call("Runtime.evaluate", expression=AXE.read_text(encoding="utf-8"))
        found = await browser.call(
            "Runtime.evaluate", expression=BROKEN, awaitPromise=True, returnByValue=True
        )
        return json.loads(found["result"]["value"])

    assert looking(tour) == []


def test_a_maximum_length_of_one_s_choice_is_measured(looking):
    async def tour(browser, url):
        await browser.open(url, 1280)
        await browser.run("longer.selectedIndex = 1; longer.dispatchEvent(new Event('change'))")
        cells = "[...document.querySelectorAll('#lengths .chosen')]"
        return await browser.run(f"{cells}.filter(c => !c.hidden).map(c => c.textContent)")

    head, *shares = looking(tour)
    assert head.startswith("> ") and len(shares) == 2 and all(s.endswith("%") for s in shares)


def test_it_prints_on_paper_of_its_own_length(looking):
    async def tour(browser, url):
        await browser.open(url, 1280)
        printed = await browser.call("Page.printToPDF", printBackground=False)
        return base64.b64decode(printed["data"])

    assert looking(tour).startswith(b"%PDF")


def test_a_link_to_a_row_leads_to_it(looking):
    async def tour(browser, url):
        await browser.open(url, 1280)
        ids = await browser.run("[...document.querySelectorAll('article[id]')].map(a => a.id)")
        await browser.open(f"{url}#{ids[-1]}", 1280)
        target = await browser.run("document.querySelector('article:target')?.id")
        return ids, target

    ids, target = looking(tour)
    assert target == ids[-1] and len(ids) == len(set(ids))


def test_a_link_to_a_row_that_is_not_shown_says_so(looking):
    async def tour(browser, url):
        await browser.open(f"{url}#0123abcd", 1280)
        return await browser.run("document.getElementById('found').textContent")

    assert looking(tour) == "0123abcd is not shown here: ask dataengine.why"


def test_a_link_to_a_row_that_a_filter_hides_shows_it_again(looking):
    async def tour(browser, url):
        await browser.open(url, 1280)
        await browser.run(CLICK.format("identity"))
        few = await browser.run(COUNT)
        await browser.run("document.querySelector('#leaks .where a').click()")
        for _ in range(100):  # the event of a changed address comes later
            if await browser.run("document.querySelector('article:target')?.hidden") is False:
                break
        return few, await browser.run(COUNT)

    assert looking(tour) == (1, 5)


def test_every_control_has_a_name_and_every_heading_its_place(looking):
    """What a screen reader goes by."""

    async def tour(browser, url):
        await browser.open(url, 1280)
        found = await browser.call("Accessibility.getFullAXTree")
        levels = await browser.run(
            "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
        )
        return found["nodes"], levels

    nodes, levels = looking(tour)
    used = ("link", "combobox", "searchbox", "image", "region", "navigation")
    held = [n for n in nodes if not n["ignored"] and n["role"]["value"] in used]
    nameless = [n for n in held if not n.get("name", {}).get("value")]
    assert len(held) > 20 and nameless == []
    steps = [after - before for before, after in itertools.pairwise(levels)]
    assert levels[0] == 1 and max(steps) <= 1
