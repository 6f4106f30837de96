"""Keys of one's own choice: which actions have a key, which key that is at first, and what may stand in its place.

An action is ``<area>.<name>``. The area is a mode, or ``picture`` for what all pages with a picture share. A mode of a
plug-in says its own: an attribute ``keys``, action name to first key, and a text ``<mode>.key.<name>`` for each.
"""

from __future__ import annotations

from collections.abc import Mapping

from openmolmo.engine.studio.accounts import AccountError
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["PICTURE", "chosen_keys", "first_keys", "own_keys"]

PICTURE = "picture"
_FIRST: Mapping[str, Mapping[str, str]] = {
    PICTURE: {
        "set": "Enter", "remove": "Delete", "next": ".", "previous": ",", "carry": "m", "undo": "u", "zoom_in": "+",
        "zoom_out": "-", "fit": "0", "loupe": "l",
    },
    "speak": {"record": "r", "stop": "s", "listen": "h", "again": "n", "discard": "x"},
    "point": {"new": "n", "absent": "a"},
    "explain": {"new": "n"},
    "qa_check": {"right": "r", "wrong": "x"},
    "vote": {"left": "1", "right": "2", "both_good": "3", "both_bad": "4", "dont_know": "5"},
}  # fmt: skip
_TAKEN = ("?", "Tab", "Escape", "Shift", "Control", "Alt", "Meta", "CapsLock", "Dead", "Process", "Unidentified")
_LONGEST = 12


def first_keys() -> dict[str, dict[str, str]]:
    """First keys of every area that there is here, by action name."""
    own = {name: getattr(MODES.get(name), "keys", _FIRST.get(name, {})) for name in MODES.names()}
    return {PICTURE: dict(_FIRST[PICTURE]), **{name: dict(keys) for name, keys in own.items() if keys}}


def chosen_keys(given: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """What is kept: the keys that were chosen before with those ``given`` now; an empty one is the first key again.

    :class:`AccountError` for a key that pages need themselves, and for one key with two meanings on one page.
    """
    first = {f"{area}.{name}": key for area, keys in first_keys().items() for name, key in keys.items()}
    wanted = {**before, **{action: _clean(key) for action, key in given.items() if action in first}}
    kept = {action: key for action, key in wanted.items() if key and key != first.get(action)}
    now = {**first, **kept}
    for area in first_keys():
        keys = [now[action] for action in now if action.startswith((f"{area}.", f"{PICTURE}."))]
        if len(set(keys)) != len(keys):
            raise AccountError("one key for two actions of a page", key="account.same_key")
    return kept


def _clean(key: str) -> str:
    key = key if key == " " else key.strip()
    if key in _TAKEN or len(key) > _LONGEST or not key.isprintable() or key.startswith("Arrow"):
        raise AccountError(f"the key {key!r} cannot be chosen", key="account.no_key")
    return key.lower() if len(key) == 1 else key


def own_keys(mode: str, chosen: Mapping[str, str]) -> dict[str, str]:
    """For the page of a mode: the first key of an action -> the person's own, where they chose another."""
    areas = first_keys()
    return {
        key: chosen[f"{area}.{name}"]
        for area in (PICTURE, mode)
        for name, key in areas.get(area, {}).items()
        if f"{area}.{name}" in chosen
    }
