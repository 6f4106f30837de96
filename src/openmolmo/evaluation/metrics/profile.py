"""The two sets of rules by which answers are scored."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["PROFILES", "Profile"]

Profile = Literal["released", "official"]
"""``released``: as the published Molmo code scores, less its defects (docs/how-to/judge.md lists them).
``official``: each benchmark's own protocol."""

PROFILES: tuple[Profile, ...] = get_args(Profile)
