"""The page: everything that the report says, in both languages, and what was seen is never more than text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest
from builders import CHECKOUT, CUSTOMER, DEVICE, OTHER_CUSTOMER, estate
from obet.evidence.compose import compose
from obet.evidence.promises import PROOFS
from obet.evidence.report import Point, Report, TimelineEntry
from obet.evidence.report_page import page
from obet.evidence.wording import LANGUAGES, wording
from reports import HARM, NOW, all_of, check, everything, look, two_customers

VOID = {"meta", "link", "img", "br", "hr", "input"}
FETCHING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "ping", "style"}


class Page(HTMLParser):
    """Elements as `(tag, attributes)`, the text, and what is wrong with how they are nested."""

    def __init__(self, html: str) -> None:
        """Reads all of it."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.wrong.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def ids(self) -> list[str]:
        return [found for _, attributes in self.elements if (found := attributes.get("id"))]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


REPORTS = {
    "everything": everything(),
    "no look": compose(two_customers(), [], NOW),
    "no customer": compose(estate(), [], NOW),
    "one device": compose(two_customers(), [look(*all_of("fixed-ip"))], NOW, devices=[DEVICE], reads=[]),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_page_is_whole_and_each_link_leads_somewhere_on_it(report: Report, language: str) -> None:
    found = Page(page(report, language))
    assert (found.wrong, found.open) == ([], [])
    assert len(set(found.ids())) == len(found.ids())
    links = [attributes["href"] for tag, attributes in found.elements if tag == "a"]
    assert len(links) > 3
    assert {str(link).removeprefix("#") for link in links} <= set(found.ids())
    labels = {str(a["aria-labelledby"]) for _, a in found.elements if "aria-labelledby" in a}
    assert labels <= set(found.ids())


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_headings_go_down_one_step_at_a_time_under_one_first(report: Report, language: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(page(report, language)).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_it_is_one_file_that_fetches_nothing_and_runs_nothing(report: Report, language: str) -> None:
    html = page(report, language)
    found = Page(html)
    assert (
        found.tags() & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio"} == set()
    )
    attributes = {name for _, named in found.elements for name in named}
    assert attributes & FETCHING == set()
    assert [name for name in attributes if name.startswith("on")] == []
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = [a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_what_was_seen_is_text_whatever_it_holds(language: str) -> None:
    harmful, harmless = Page(page(everything(), language)), Page(page(REPORTS["no look"], language))
    for text in ("<script>document.title='taken'</script>", "{{ 7 * 7 }} {% raw %}", "&lt; &#60;b> {name} {0}"):
        assert text in harmful.text
    assert harmful.tags() <= harmless.tags() | {"strong", "h3"}
    assert "49" not in harmful.text.replace("2026", "")


def test_control_characters_and_what_turns_text_around_stand_as_escapes(language: str) -> None:
    html = page(everything(), language)
    assert [c for c in html if not c.isprintable() and c != "\n"] == []
    assert r"\u202egnirts\x00\x1b[31mred\x1b[0m\r\n" in html


def test_a_flood_is_cut_and_says_by_how_much(language: str) -> None:
    html = page(everything(), language)
    assert f"{'x' * 600}… (+4400)" in html
    assert "x" * 601 not in html


@pytest.mark.parametrize("harm", HARM[:4])
def test_harm_in_a_name_is_text_too(harm: str, language: str) -> None:
    entry = TimelineEntry(at=NOW, run=harm, by=harm, what=harm, purpose=harm, device=harm)
    found = Page(page(msgspec.structs.replace(REPORTS["no look"], timeline=(entry,)), language))
    assert found.wrong == []
    assert found.text.count(" ".join(harm.split())) == 4
    assert found.tags() & {"script", "img", "link"} == set()


def test_each_promise_stands_with_its_name_and_statement_once_for_each_customer(language: str) -> None:
    report = REPORTS["no look"]
    found = Page(page(report, language))
    for name, statement in wording(language).promises.items():
        assert found.text.count(statement) == len(report.customers)
        for customer in (CUSTOMER, OTHER_CUSTOMER):
            assert f"{customer}-{name}" in found.ids()


def test_only_what_was_shown_is_said_to_hold() -> None:
    badge = '<span class="badge holds">'
    assert badge not in page(REPORTS["no look"])
    assert page(REPORTS["one device"]).count(badge) == 1
    failed = look(*all_of("fixed-ip"), check("fixed-ip", PROOFS["fixed-ip"][0], passed=False))
    broken = page(compose(two_customers(), [failed], NOW, devices=[DEVICE]))
    assert badge not in broken
    assert '<span class="badge broken">' in broken


def test_the_headline_says_what_is_so() -> None:
    words = wording("en").words
    for name, headline in (
        ("everything", "headline_broken"), ("no look", "headline_no_look"), ("one device", "headline_fine"),
    ):  # fmt: skip
        text = Page(page(REPORTS[name])).text
        assert [key for key in words if key.startswith("headline_") and words[key] in text] == [headline]


def test_the_page_names_each_look_with_its_run_and_the_digest_of_its_file(language: str) -> None:
    looks = [look(run="run-of-the-first", at="2026-05-01 08:00"), look(run="run-of-the-second")]
    text = Page(page(compose(two_customers(), looks, NOW), language)).text
    for each in looks:
        assert each.run in text
        assert each.digest in text
    assert "09:00:00" in text


def test_a_chosen_time_is_said_to_be_one(language: str) -> None:
    notice = 'class="notice"'
    assert notice in page(everything(), language)
    assert notice not in page(REPORTS["no look"], language)


def test_reads_of_nobody_we_know_stand_out_and_an_ungiven_log_is_not_told_of() -> None:
    assert 'id="reads"' not in page(REPORTS["no look"])
    assert wording("en").words["reads_none"] in page(REPORTS["one device"])
    text = Page(page(everything())).text
    for key in ("from_elsewhere", "no_run", "no_purpose", "refused"):
        assert wording("en").words[key] in text


def test_what_machines_recorded_is_marked_as_english_on_a_page_in_another_language() -> None:
    report = compose(two_customers(), [look(check("fixed-ip", PROOFS["fixed-ip"][0], seen="as it was seen"))], NOW)
    assert '<span lang="en">as it was seen</span>' in page(report, "bg")
    assert "as it was seen" in page(report, "en")
    assert '<span lang="en">as it was seen</span>' not in page(report, "en")


def test_causes_and_what_was_seen_are_told_in_the_language_of_the_page() -> None:
    seen = "node1 to 198.51.100.101: logged in"
    report = compose(two_customers(), [look(check("fixed-ip", PROOFS["fixed-ip"][0], seen=seen))], NOW)
    bulgarian = Page(page(report, "bg")).text
    assert f"node1 до {DEVICE} (IPv4): влезе" in bulgarian
    assert "гаранцията е изтекла; краен срок 30 дни по-късно" in bulgarian  # noqa: RUF001 - Bulgarian
    assert "the warranty has expired; hard stop 30 days later" in Page(page(report)).text


def test_a_day_that_is_over_is_told_as_its_end_and_one_that_begins_as_itself() -> None:
    text = Page(page(REPORTS["one device"])).text
    assert "1 February 2026, Europe/Sofia" in text
    assert "end of 30 June 2026, Europe/Sofia" in text
    bulgarian = Page(page(REPORTS["one device"], "bg")).text
    assert "в края на 30 юни 2026" in bulgarian


def test_a_requirement_that_has_no_words_of_its_own_is_told_by_its_name() -> None:
    report = REPORTS["one device"]
    point = Point(at=NOW, begins=True, days=0, what="data absent begins", because="why")
    device = msgspec.structs.replace(report.customers[0].devices[0], points=(point,))
    customer = msgspec.structs.replace(report.customers[0], devices=(device,))
    changed = msgspec.structs.replace(report, customers=(customer,))
    assert "Begins: data absent" in Page(page(changed)).text
    assert 'Започва: <span lang="en">data absent</span>' in page(changed, "bg")


# wording


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    english, bulgarian = wording("en"), wording("bg")
    assert set(english.words) == set(bulgarian.words)
    for key, text in english.words.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", bulgarian.words[key])), key
    for phrase, text in bulgarian.phrases.items():
        assert set(re.findall(r"{(\w+)}", phrase)) == set(re.findall(r"{(\w+)}", text)), phrase
    assert len(english.months) == len(bulgarian.months) == 12


def test_each_promise_has_a_statement_in_both_languages_and_each_proof_in_bulgarian() -> None:
    for language in LANGUAGES:
        assert list(wording(language).promises) == list(PROOFS)
        assert wording(language).language == language
    assert set(wording("bg").proofs) == {proof for proofs in PROOFS.values() for proof in proofs}


def test_the_readme_states_the_promises_in_the_same_words() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|.*?\|$", (CHECKOUT / "README.md").read_text(), re.MULTILINE))
    for name, english in wording("en").promises.items():
        assert rows[name].split(" | ") == [english, wording("bg").promises[name]]


def test_no_other_language_is_spoken() -> None:
    with pytest.raises(KeyError):
        wording("../en")
