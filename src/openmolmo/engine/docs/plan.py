"""What a run is to make: which tool, kind and family each picture has, from the seed and the index alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.engine.docs.base import FAMILIES, TOOLS, Kind, Spec
from openmolmo.engine.docs.worlds import LANGUAGES
from openmolmo.records.example import Split

__all__ = ["ATTEMPTS", "NOISES", "DocsPlan", "usable_tools"]

ATTEMPTS = 3
"""How often a picture is tried: a failed render, or a duplicate, is drawn or repaired anew."""
NOISES = ("none", "print", "photo", "mixed")


@dataclass(frozen=True, kw_only=True)
class DocsPlan:
    """Checked when built. ``author`` and ``options``: who writes, see ``authors.py``."""

    tools: tuple[str, ...]
    kinds: tuple[Kind, ...] = get_args(Kind)
    count: int = 100
    seed: int = 0
    split: str = "train"
    languages: tuple[str, ...] = ("en",)
    noise: str = "none"
    questions: int = 8
    """At most so many of each picture."""
    rows_per_shard: int = 512
    author: str = "template"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (
            ("kinds", get_args(Kind)), ("languages", LANGUAGES), ("noise", NOISES), ("split", get_args(Split)),
        ):  # fmt: skip
            value = getattr(self, name)
            for each in (value,) if isinstance(value, str) else value:
                if each not in known:
                    raise ConfigError(f"{name} has {each!r}", fix=f"choose from {', '.join(known)}")
        for name, least in (("count", 1), ("seed", 0), ("questions", 1), ("rows_per_shard", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}, must be at least {least}")

    def families(self) -> dict[tuple[str, str], list[str]]:
        """Names of the families of every tool and kind that the plan asks for."""
        found: dict[tuple[str, str], list[str]] = {}
        for name in FAMILIES.names():
            family = FAMILIES.get(name)
            if family.tool in self.tools and family.kind in self.kinds:
                found.setdefault((family.tool, family.kind), []).append(name)
        if not found:
            raise ConfigError(
                f"no template of {', '.join(self.tools)} makes a {' or '.join(self.kinds)}",
                fix="add tools or kinds; openmolmo synth docs --help lists them",
            )
        return found

    def specs(self) -> list[Spec]:
        """One for each picture: tools and kinds take turns, families within them, languages by chance."""
        families = self.families()
        pairs = sorted(families)
        made = []
        for index in range(self.count):
            pair = pairs[index % len(pairs)]
            names = families[pair]
            language = self.languages[int(derive(self.seed, "language", index).integers(len(self.languages)))]
            made.append(
                Spec(
                    tool=pair[0],
                    kind=_kind(pair[1]),
                    family=names[index // len(pairs) % len(names)],
                    seed=self.seed,
                    index=index,
                    language=language,
                )
            )
        return made


def _kind(name: str) -> Kind:
    kinds: Sequence[Kind] = get_args(Kind)
    return next(kind for kind in kinds if kind == name)


def usable_tools(names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The tools that are there, and a sentence for each that is not; none at all is a :class:`ConfigError`."""
    there, sentences = [], []
    for name in dict.fromkeys(names):
        sentence = TOOLS.get(name).missing()
        if sentence is None:
            there.append(name)
        else:
            sentences.append(sentence)
    if not there:
        raise ConfigError(f"none of the tools is installed: {'; '.join(sentences)}")
    return tuple(there), sentences
