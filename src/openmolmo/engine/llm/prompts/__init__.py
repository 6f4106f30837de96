"""Prompt files: Jinja texts in the package, each with a version in its name, so that a text can say what it came from.

    prompts.load("answer@1")                                    engine/llm/prompts/answer@1.j2
    prompts.load("merge@2", package="openmolmo.engine.studio")  engine/studio/prompts/merge@2.j2

A file has a block ``user`` and perhaps a block ``system``; a file without blocks is the user's text. A file that was
used is never changed: a better wording is a new version beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import jinja2

from openmolmo.core.errors import ConfigError, PromptError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.llm.request import Request

__all__ = ["Prompt", "load"]

_NAME = re.compile(r"[a-z][a-z0-9_]*@[1-9][0-9]*")
_ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)
_BLOCKS = ("system", "user")


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One version of a prompt: ``name`` such as ``answer@1``, its text, and the hash of that."""

    name: str
    text: str
    sha256: str

    def messages(self, values: Mapping[str, Any]) -> list[dict[str, str]]:
        """The messages with ``values`` filled in. Raises PromptError where the text needs a value that is not given."""
        template = _compiled(self.text)
        context = template.new_context(dict(values))
        try:
            if not template.blocks:
                return [{"role": "user", "content": template.render(values).strip()}]
            parts = {role: "".join(template.blocks[role](context)) for role in _BLOCKS if role in template.blocks}
        except jinja2.UndefinedError as error:
            raise PromptError(f"the prompt {self.name} cannot be filled in: {error.message}") from error
        return [{"role": role, "content": text.strip()} for role, text in parts.items()]

    def request(
        self, *, purpose: str | None = None, schema: Mapping[str, Any] | None = None, sample: int = 0, **values: Any
    ) -> Request:
        """A request with ``values`` filled in; they are also what the template provider answers from.

        ``purpose`` is the prompt's name without its version, unless it is given.
        """
        return Request(
            messages=self.messages(values),
            schema=schema,
            purpose=purpose or self.name.partition("@")[0],
            context=values,
            prompt=self.name,
            prompt_sha256=self.sha256,
            sample=sample,
        )


@lru_cache
def load(name: str, *, package: str = "openmolmo.engine.llm") -> Prompt:
    """The prompt ``name@version`` of a package's folder ``prompts``. Raises ConfigError for one that there is not."""
    folder = files(package) / "prompts"
    known = sorted(file.name.removesuffix(".j2") for file in folder.iterdir() if file.name.endswith(".j2"))
    if not _NAME.fullmatch(name) or name not in known:
        raise ConfigError(f"{package} has no prompt {name!r}", fix=f"it has: {', '.join(known) or 'none'}")
    data = (folder / f"{name}.j2").read_bytes()
    return Prompt(name=name, text=data.decode(), sha256=sha256_bytes(data))


@lru_cache
def _compiled(text: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(text)
