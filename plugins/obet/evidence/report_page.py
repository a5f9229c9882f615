"""The page of a report: one HTML file that needs nothing else, fetches nothing and runs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from importlib import resources
from itertools import groupby
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from obet.evidence.promises import PROOFS
from obet.evidence.report import Point, Report, TimelineEntry
from obet.evidence.wording import Wording, wording
from obet.evidence.wording.phrases import Phrases

_LONGEST = 600
_STATES = {True: "holds", False: "broken", None: "open"}
_MARKS = {True: "✓", False: "✕", None: "–"}  # noqa: RUF001 - a dash that is as wide as the other marks


def parts(report: Report) -> int:
    """How often `page` tells `step`: for each customer and each run of the timeline."""
    return len(report.customers) + len(_runs(report))


def page(report: Report, language: str = "en", step: Callable[[], None] = lambda: None) -> str:
    """The whole document; what was seen is text in it, whatever it holds."""

    def counted(things: Iterable[object]) -> Iterator[object]:
        for thing in things:
            yield thing
            step()

    style = resources.files(__package__).joinpath("templates/report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        unchecked=_unchecked(report),
        runs=_runs(report),
        counted=counted,
        language=language,
        next_dates={one.customer: one for one in reversed(report.pending) if one.point},
        speech=_Speech(wording(language)),
        states=_STATES,
        marks=_MARKS,
        style=Markup(style),  # noqa: S704 - a file of this package
        style_digest=digest,
    )


def _runs(report: Report) -> list[tuple[str, list[TimelineEntry]]]:
    return [(run, list(entries)) for run, entries in groupby(report.timeline, key=lambda entry: entry.run)]


class _Speech:
    """What the template calls to speak the page's language."""

    def __init__(self, words: Wording) -> None:
        self.words = words
        self._phrases = Phrases({**words.proofs, **words.phrases})
        self._escaped = {key: escape(text) for key, text in words.words.items()}

    def say(self, key: str, **values: object) -> Markup:
        text = self._escaped[key]
        return text.format(**values) if values else text

    def promise(self, name: str) -> str:
        return self.words.promises[name]

    def proof(self, name: str) -> Markup:
        return self._known(name, self.words.proofs)

    def event(self, name: str) -> Markup:
        return self._known(name, self.words.events)

    def recorded(self, text: str) -> Markup:
        """What the core or a machine said."""
        found = self._phrases.find(text)
        return self._known(text, {} if found is None else {text: found})

    def _known(self, text: str, known: Mapping[str, str]) -> Markup:
        """A name of the core in the page's language, or as it is and marked as English."""
        if text in known:
            return escape(_printable(known[text]))
        plain = escape(_printable(text))
        return plain if self.words.language == "en" else Markup('<span lang="en">{}</span>').format(plain)

    def day(self, moment: datetime) -> Markup:
        return self.say("day", day=moment.day, month=self.words.months[moment.month - 1], year=moment.year)

    def when(self, moment: datetime, zone: str = "UTC") -> Markup:
        local = moment.astimezone(ZoneInfo(zone))
        return _time(moment, self.say("day_and_time", day=self.day(local), time=f"{local:%H:%M:%S}", zone=zone))

    def deadline(self, point: Point, zone: str) -> Markup:
        """Midnight is told as the day that begins then, or as the end of the day that is over."""
        local = point.at.astimezone(ZoneInfo(zone))
        if local.time() != time.min:
            return self.when(point.at, zone)
        day = self.day(local) if point.begins else self.say("end_of_day", day=self.day(local - timedelta(days=1)))
        return _time(point.at, Markup("{}, {}").format(day, zone))

    def distance(self, days: int) -> Markup:
        near = {0: "today", 1: "tomorrow", -1: "yesterday"}
        if days in near:
            return self.say(near[days])
        return self.say("in_days" if days > 0 else "days_ago", days=abs(days))

    def point(self, prefix: str, what: str) -> Markup:
        """`work ends` in the words for it; any other `… begins` and `… ends` by the requirement's name."""
        key = f"{prefix}_{what.replace(' ', '_')}"
        if key in self.words.words:
            return self.say(key)
        requirement, _, edge = what.rpartition(" ")
        return self.say(f"what_{edge}", what=self._known(requirement, self.words.requirements))


def _time(moment: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(moment.astimezone(UTC).isoformat(timespec="seconds"), text)


def _printable(value: object) -> object:
    """Control characters and what turns the direction of text stand as escapes; a flood is cut."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}… (+{len(value) - _LONGEST})"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Unchecked(msgspec.Struct, frozen=True):
    """Proofs of a promise that are not shown for these customers, whom it is due for."""

    promise: str
    customers: tuple[str, ...]
    proofs: tuple[str, ...]


def _unchecked(report: Report) -> list[tuple[str, list[_Unchecked]]]:
    """By promise in their order; proofs that are missing for the same customers stand together."""
    found: dict[str, dict[str, list[str]]] = {name: {} for name in PROOFS}
    for customer in report.customers:
        for promise in customer.promises:
            for proof in promise.missing if promise.due else ():
                found[promise.name].setdefault(proof, []).append(customer.id)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, proofs in found.items():
        for proof, customers in proofs.items():
            groups.setdefault((name, tuple(customers)), []).append(proof)
    parts = [_Unchecked(name, customers, tuple(proofs)) for (name, customers), proofs in groups.items()]
    return [(name, list(own)) for name, own in groupby(parts, key=lambda part: part.promise)]
