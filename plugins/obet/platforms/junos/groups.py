"""What configuration groups of Junos may add to a configuration, wherever they are applied.

Where a statement is there already, nothing is added: with `display inheritance` that is all of them. What is added may
be too much (conditions, priorities between groups) and stands in no known order: it is to be taken as possible.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from functools import cache

import msgspec

from obet.errors import printable

Words = tuple[str, ...]

_APPLIED, _EXCEPTED = "apply-groups", "apply-groups-except"
_PASSES = 3  # what one group creates, the wildcards of another may meet
# One value at a time: what stands here wins over what is inherited.
_SINGLE = {"root-login", "port", "input", "output", "transport", "security-level", "security-model"}


class Statement(msgspec.Struct, frozen=True):
    """Its words, and the group that it may be inherited from; none where it stands there itself."""

    words: Words
    group: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.words)


Tree = dict[str, "Tree"]


class _Application(msgspec.Struct, frozen=True):
    path: Words
    group: str


def inherited(active: Iterable[Words]) -> tuple[list[Statement], list[str]]:
    """What groups may add to these statements, and what of that could not be made out."""
    groups: dict[str, list[Words]] = {}
    applied: list[_Application] = []
    excepted: list[_Application] = []
    tree: Tree = {}
    for words in active:
        if words[:1] == ("groups",):
            if len(words) > 2:
                groups.setdefault(words[1], []).append(words[2:])
            continue
        _plant(tree, words)
        if words[-2:-1] == (_APPLIED,):
            applied.append(_Application(words[:-2], words[-1]))
        elif words[-2:-1] == (_EXCEPTED,):
            excepted.append(_Application(words[:-2], words[-1]))
    unsure = [
        f"group {printable(name)[:60]} applies groups itself: what it adds is not known"
        for name, stated in groups.items()
        if any(_APPLIED in words for words in stated)
    ]
    wanted = [
        (application.path, name, words)
        for application in applied
        for name in _meant(application.group, groups)
        for words in groups[name]
        if words[0] != "when" and _APPLIED not in words and _EXCEPTED not in words
    ]
    added, whole = _added(wanted, excepted, tree)
    if not whole:
        unsure.append("groups add to what groups add: what all of them add is not known")
    return added, unsure


def _added(
    wanted: list[tuple[Words, str, Words]], excepted: list[_Application], tree: Tree
) -> tuple[list[Statement], bool]:
    """What is not in the tree yet, and whether that is all of it; the tree grows by it."""
    added: list[Statement] = []
    for _ in range(_PASSES):
        before = len(added)
        for path, group, words in wanted:
            here = _at(path, words)
            for found in _instances(here, tree) if here else ():
                out = any(one.group == group and found[: len(one.path)] == one.path for one in excepted)
                if not out and not _stands(found, tree):
                    added.append(Statement(found, group))
                    _plant(tree, found)
        if len(added) == before:
            return added, True
    return added, False


def _meant(name: str, groups: dict[str, list[Words]]) -> list[str]:
    """`${node}` is the group of whichever node of a cluster it is."""
    if "$" not in name:
        return [name] if name in groups else []
    start = re.escape(name.partition("$")[0])
    return [group for group in groups if re.match(rf"{start}\w", group)]


def _at(path: Words, words: Words) -> Words:
    """The group's statement at the place where it is applied; none where it says nothing of that place."""
    if len(words) <= len(path) or not all(_covers(word, name) for word, name in zip(words, path, strict=False)):
        return ()
    return (*path, *words[len(path) :])


def _instances(words: Words, tree: Tree) -> Iterator[Words]:
    """The statement for each name that is there, where it has a wildcard."""
    found: list[tuple[Words, Tree]] = [((), tree)]
    for word in words:
        if _is_wildcard(word):
            found = [((*done, n), sub) for done, node in found for n, sub in node.items() if _covers(word, n)]
        else:
            found = [((*done, word), node.get(word, {})) for done, node in found]
    for done, _ in found:
        yield done


def _stands(words: Words, tree: Tree) -> bool:
    """Whether the statement is there, or another value in its place."""
    node = tree
    for place, word in enumerate(words):
        if word not in node:
            return place == len(words) - 1 and len(words) > 1 and words[-2] in _SINGLE and bool(node)
        node = node[word]
    return True


def _plant(tree: Tree, words: Words) -> None:
    for word in words:
        tree = tree.setdefault(word, {})


def _is_wildcard(word: str) -> bool:
    return word.startswith("<") and word.endswith(">")


def _covers(word: str, name: str) -> bool:
    return bool(_compiled(word).match(name)) if _is_wildcard(word) else word == name


@cache
def _compiled(wildcard: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(wildcard[1:-1]))
