"""Every place where a run may leave a secret: what stands there, and the control that a search has to find in it."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.estate import NETWORK_DEVICES
from lab.this_host import CHECKOUT
from leaks.search import Canary, Content, Hit, Search, files, git_objects
from leaks.story import CONTROL, Story, inside

# Said in two parts, so that this file is no finding itself.
_PRIVATE_KEYS = (
    "-----BEGIN OPENSSH" + " PRIVATE KEY-----",
    "-----BEGIN" + " PRIVATE KEY-----",
    "openssh-key" + "-v1\0",
)
_MACHINES = ("server1", "server2", "customer1", "node2", "outsider1")
_IN_MEMORY = ("tmp", "run", "dev/shm")
_FORMS: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    base64.b64encode,
    gzip.compress,
    lambda value: value.hex().encode(),
)


@dataclass(frozen=True)
class Place:
    """`planted_in` is the folder that gets a control; without one the story itself brings a control there."""

    contents: Callable[[Story], Iterable[Content]]
    planted_in: Callable[[Story], Path] | None = None
    ours: bool = False  # a program's of ours: no private key stands there either


def _folder(where: Callable[[Story], Path], *, ours: bool = False) -> Place:
    return Place(lambda story: files(where(story)), where, ours)


def _of_everybody(folder: str | Path) -> Place:
    """What changed there since the story began."""
    return Place(lambda story: files(Path(folder), since=story.began), lambda _: Path(folder))


def _files_of(machine: str) -> Place:
    """What differs there from the system that all machines start from."""
    return _folder(lambda story: story.lab.machine(machine).directory / "upper")


def _device(name: str) -> Place:
    """What a network device keeps: passwords as hashes, of our keys the public half, SNMP passphrases as they are."""
    return _folder(lambda story: story.lab.simulator(name).directory)


def _memory_of(machine: str) -> Place:
    def contents(story: Story) -> Iterator[Content]:
        for folder in _IN_MEMORY:
            yield from files(inside(story.lab.machine(machine)) / folder)

    return Place(contents, lambda story: inside(story.lab.machine(machine)) / "dev/shm")


def _watched(kind: str) -> Place:
    return Place(lambda story: (seen for seen in story.seen if seen[0].startswith(kind)))


def _home(story: Story) -> Iterator[Content]:
    return files(story.node.home, without=[story.node.home / "runner"])


def _checkout(_: Story) -> Iterator[Content]:
    return files(CHECKOUT, without=[CHECKOUT / ".venv", CHECKOUT / ".git"])


PLACES: dict[str, Place] = {
    "the node's home": Place(_home, lambda story: story.node.home, ours=True),
    "the node's state": _folder(lambda story: story.node.home / ".local/state", ours=True),
    "the node's runtime folder": _folder(lambda story: story.node.directory / "run", ours=True),
    "the node's temporary folder": _folder(lambda story: story.node.directory / "tmp", ours=True),
    "the node's files while they were there": Place(
        lambda story: (seen for seen in story.seen if seen[0].startswith(str(story.node.directory))), ours=True
    ),
    "the estate": _folder(lambda story: story.own.estate, ours=True),
    "output": Place(lambda story: story.output, ours=True),
    "ansible-runner's artifacts": Place(lambda story: files(story.node.home / "runner"), ours=True),
    "ansible-runner's fact cache": Place(
        lambda story: (one for one in files(story.node.home / "runner") if "/fact_cache/" in one[0]), ours=True
    ),
    "Ansible's fact cache": Place(lambda story: files(story.node.home / "facts"), ours=True),
    "Ansible's log": Place(lambda story: [("ansible.log", (story.node.home / "ansible.log").read_bytes())], ours=True),
    "command lines": _watched("command line of"),
    "environments": _watched("environment of"),
    "files while they were there": _watched("/"),
    "Vault's audit": _folder(lambda story: story.lab.vault.audit_directory),
    "Vault's own files": _folder(lambda story: story.lab.vault.directory),
    **{f"{name}'s files": _files_of(name) for name in _MACHINES},
    **{f"{name}'s memory": _memory_of(name) for name in _MACHINES},
    **{f"{name}'s configuration and files": _device(name) for name in NETWORK_DEVICES.values()},
    "/tmp": _of_everybody("/tmp"),  # noqa: S108
    "/var/tmp": _of_everybody("/var/tmp"),  # noqa: S108
    "/dev/shm": _of_everybody("/dev/shm"),  # noqa: S108
    "this user's Ansible folder": _of_everybody(Path.home() / ".ansible"),
    "the checkout": Place(_checkout, lambda _: CHECKOUT / "build"),
    "git objects": Place(lambda story: git_objects(CHECKOUT, _git(story))),
}


@contextmanager
def planted(story: Story) -> Iterator[None]:
    """The control in each place that has a folder, written now this way and now that; taken away again at the end."""
    with ExitStack() as stack:
        for number, place in enumerate(one for one in PLACES.values() if one.planted_in):
            assert place.planted_in is not None
            folder = place.planted_in(story)
            if not folder.exists():
                folder.mkdir()
                stack.callback(folder.rmdir)
            path = folder / f"planted-{story.lab.name}-{number}"
            stack.callback(path.unlink)
            path.write_bytes(_FORMS[number % len(_FORMS)](story.control.value))
        (story.folder / "objects").mkdir()
        command = ["git", "-c", "safe.directory=*", "-C", str(CHECKOUT), "hash-object", "-w", "--stdin"]
        subprocess.run(command, input=story.control.value, env=_git(story), check=True, stdout=subprocess.DEVNULL)
        yield


def _git(story: Story) -> dict[str, str]:
    """The checkout's objects and the planted one, which stands beside them: nothing is written to the checkout's."""
    command = ["git", "-c", "safe.directory=*", "-C", str(CHECKOUT), "rev-parse", "--git-path", "objects"]
    objects = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    own = {"GIT_OBJECT_DIRECTORY": str(story.folder / "objects")}
    return os.environ | own | {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(CHECKOUT / objects)}


def look(story: Story, place: Place) -> tuple[list[Hit], bool]:
    """What must not be there, and whether the control was seen."""
    keys = [Canary("a private key", mark.encode()) for mark in _PRIVATE_KEYS] if place.ours else []
    hits = list(Search([*story.canaries(), *keys]).hits(place.contents(story)))
    leaks = [hit for hit in hits if hit.canary != CONTROL and not _may_stand(hit)]
    return leaks, any(hit.canary == CONTROL for hit in hits)


def _may_stand(hit: Hit) -> bool:
    """Login material on tmpfs; a service's own secret in its file, or a device's; a password on its way to ssh."""
    if hit.canary.startswith(("role_id ", "secret_id ")):
        return "/node1/run/credentials/" in hit.where or "/node1/run/registrar/" in hit.where
    if hit.canary.startswith("client_token "):
        return hit.where.endswith("/run/obet/operator")  # until he logs out
    if hit.canary.startswith(("auth ", "priv ")):
        return "/simulators/" in hit.where
    if hit.canary.startswith("status "):
        return hit.where.endswith("/upper/etc/status/token")
    return hit.canary.startswith("password ") and hit.where.startswith("/dev/shm/psm_")  # noqa: S108
