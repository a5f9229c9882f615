"""The page of a report in a real browser: light and dark, phone and desktop, on paper, with harmful text in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import CUSTOMER
from chromium import Chromium, chromium
from obet.evidence.report_page import page
from obet.evidence.wording import LANGUAGES
from reports import everything

PHONE, TABLET, DESKTOP = 375, 700, 1280
# WCAG 2.2, level AA (1.4.3): text, and text that is large (24 px, or bold from 18.66 px).
CONTRAST, CONTRAST_OF_LARGE_TEXT = 4.5, 3.0

# Each visible text with its size, weight, and the contrast of its colour to what is painted behind it.
TEXTS = """
(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour[3] !== 0) throw new Error("a colour that lets through: " + at.className);
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest(".hidden, .skip") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(parts(style.color)), light(behind(element))].sort((a, b) => b - a);
    found.push([walker.currentNode.data.trim().slice(0, 40), parseFloat(style.fontSize), Number(style.fontWeight),
                (one + 0.05) / (other + 0.05)]);
  }
  return found;
})()
"""
# What reaches beyond the width of the window and is in nothing that scrolls by itself.
BEYOND = """
[...document.querySelectorAll("body *")].filter(element => !element.closest(".scroll, .hidden, .skip, thead")
  && element.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map(element => element.outerHTML.slice(0, 80))
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module", params=LANGUAGES)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(page(everything(), request.param), encoding="utf-8")
    return place


def too_faint(texts: list[Any]) -> list[Any]:
    def needed(size: float, weight: float) -> float:
        large = size >= 24 or (size >= 18.66 and weight >= 700)
        return CONTRAST_OF_LARGE_TEXT if large else CONTRAST

    return [text for text in texts if text[3] < needed(text[1], text[2])]


@pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
class TestEachWayOfLooking:
    def test_every_text_is_read_easily(self, browser: Chromium, file: Path, width: int, dark: bool) -> None:
        browser.show(file, width, dark=dark)
        texts = browser.evaluate(TEXTS)
        assert len(texts) > 200
        assert too_faint(texts) == []
        assert min(text[1] for text in texts) >= 11

    def test_nothing_is_wider_than_the_window(self, browser: Chromium, file: Path, width: int, dark: bool) -> None:
        browser.show(file, width, dark=dark)
        assert browser.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
        assert browser.evaluate(BEYOND) == []

    def test_it_asks_for_nothing_runs_nothing_and_nothing_is_wrong(
        self, browser: Chromium, file: Path, width: int, dark: bool
    ) -> None:
        browser.show(file, width, dark=dark)
        assert browser.requests() == [file.as_uri()]
        assert browser.complaints() == []
        assert "taken" not in browser.evaluate("document.title")


def test_light_and_dark_are_two(browser: Chromium, file: Path) -> None:
    shown = []
    for dark in (False, True):
        browser.show(file, DESKTOP, dark=dark)
        shown.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(set(shown)) == 2


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_who_hears_the_page_is_told_of_its_parts_tables_and_states(browser: Chromium, file: Path, width: int) -> None:
    browser.show(file, width)
    nodes = [node for node in browser.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    roles = Counter(node["role"]["value"] for node in nodes)
    assert [roles[role] for role in ("banner", "navigation", "main", "contentinfo")] == [1, 1, 1, 1]
    assert (roles["table"], roles["columnheader"], roles["rowheader"]) == (2, 13, 4)
    names = [node["name"]["value"] for node in nodes if node["role"]["value"] in {"region", "link", "navigation"}]
    assert all(names)
    states = [name for name in names if name.startswith("fixed-ip: ")]
    assert len(states) == len(set(states)) == 2


def test_the_language_of_the_page_and_of_what_is_recorded_is_known(browser: Chromium, file: Path) -> None:
    browser.show(file, DESKTOP)
    language = browser.evaluate("document.documentElement.lang")
    recorded = browser.evaluate("document.querySelector('.seen li > span:last-child span').closest('[lang]').lang")
    assert language in LANGUAGES
    assert recorded == "en"


def test_the_keyboard_finds_the_way_past_the_head(browser: Chromium, file: Path) -> None:
    browser.show(file, DESKTOP)
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert browser.evaluate("document.activeElement.getAttribute('href')") == "#content"
    assert browser.evaluate("document.activeElement.getBoundingClientRect().left >= 0") is True


def test_on_paper_it_is_dark_on_white_and_whole(browser: Chromium, file: Path) -> None:
    browser.show(file, TABLET, dark=True, media="print")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert too_faint(browser.evaluate(TEXTS)) == []
    assert browser.evaluate("document.querySelector('nav').checkVisibility()") is False
    assert browser.evaluate(f"document.getElementById('{CUSTOMER}-portal').checkVisibility()") is True


def test_what_would_be_faint_wide_or_loud_is_seen_as_such(browser: Chromium, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<meta name="viewport" content="width=device-width"><p style="color:#aaa;background:#fff">faint</p>'
        '<p style="width:900px;background:#fff;color:#000">wide</p><script>console.log("loud")</script>'
        '<img src="http://203.0.113.9/x">'
    )
    browser.show(bad, TABLET)
    assert [text[0] for text in too_faint(browser.evaluate(TEXTS))] == ["faint"]
    assert len(browser.evaluate(BEYOND)) == 1
    assert browser.evaluate("document.documentElement.scrollWidth") > TABLET
    assert "http://203.0.113.9/x" in browser.requests()
    assert any("loud" in told for told in browser.complaints())
