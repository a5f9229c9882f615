"""One lab for the whole folder; `told` is the story at its end, with a control planted in every place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from leaks.places import planted
from leaks.story import Story
from life_support import new_lab


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with new_lab() as lab:
        made = Story(lab, tmp_path_factory.mktemp("leaks"))
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def told(story: Story) -> Iterator[Story]:
    story.ends()
    with planted(story):
        yield story
