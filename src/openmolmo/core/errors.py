"""The one tree of errors that users see.

    OpenMolmoError
    ├── ConfigError             a setting is unknown, of the wrong type or out of range
    ├── DataError               a record, file or data set breaks a rule (names file, row, field, rule)
    ├── ImageError              a picture cannot be read, or is refused as hostile
    ├── PromptError             text, points or images do not fit together or into the context
    ├── CheckpointError         weights, config or tokenizer are missing, damaged or disagree
    ├── RunError                a training, evaluation or generation run cannot go on
    │   ├── DiskFullError       no space is left where the run writes
    │   ├── DivergedError       a loss or a gradient is not a number any more
    │   └── StoppedError        a run was asked to stop, and saved what it had
    ├── UnavailableError        what answers is not there now: it is stopping, or a process was lost
    │   └── QueueFullError      more is asked at once than may wait; says when to try again
    ├── NotRegisteredError      no generator, data set, task, preset or recipe has that name
    └── MissingDependencyError  an optional package is needed; says the pip line

A message says what is wrong, the two values that disagree, and the next step. Users' mistakes
raise one of these; our own mistakes are ``assert`` statements.
"""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DiskFullError",
    "DivergedError",
    "ImageError",
    "MissingDependencyError",
    "NotRegisteredError",
    "OpenMolmoError",
    "PromptError",
    "QueueFullError",
    "RunError",
    "StoppedError",
    "UnavailableError",
]


class OpenMolmoError(Exception):
    """Base of every error that a user can cause and mend.

    ``fix`` is the next step for the user; it is printed on a line of its own. ``exit_code`` is what a
    command ends with; ``quiet`` says that another process prints the message already.
    """

    exit_code = 1
    quiet = False

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return self.message if self.fix is None else f"{self.message}\n  -> {self.fix}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments need help to cross a process boundary (worker -> parent).
        return (_rebuild, (type(self), dict(self.__dict__), self.args))


def _rebuild(cls: type[OpenMolmoError], state: dict[str, object], args: tuple[object, ...]) -> OpenMolmoError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(OpenMolmoError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(OpenMolmoError):
    """A record or data set breaks a rule; carries where, so that tools can list faults."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        field: str | None = None,
        rule: str | None = None,
        fix: str | None = None,
    ) -> None:
        where = ", ".join(
            f"{name} {value}"
            for name, value in (("file", file), ("row", row), ("field", field), ("rule", rule))
            if value is not None
        )
        super().__init__(f"{message} ({where})" if where else message, fix=fix)
        self.reason = message  # without the place, for tables that show the place in columns
        self.file, self.row, self.field, self.rule = file, row, field, rule


class ImageError(OpenMolmoError):
    """A picture cannot be read, or is refused because reading it would be harmful.

    ``kind`` is one of: missing, empty, not_an_image, truncated, corrupt, too_large, unsupported.
    """

    def __init__(self, message: str, *, kind: str, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.kind = kind


class PromptError(OpenMolmoError):
    """Text, points or images do not fit together or into the context."""


class CheckpointError(OpenMolmoError):
    """Weights, config or tokenizer are missing, damaged or disagree with each other."""


class RunError(OpenMolmoError):
    """A training, evaluation or generation run cannot go on."""


class DiskFullError(RunError):
    """No space is left where the run writes."""


class DivergedError(RunError):
    """A loss or a gradient is not a number any more; what was saved before is whole."""


class StoppedError(RunError):
    """A run was asked to stop by signal number ``signal``, and saved what it had.

    Commands end with 128 + ``signal``, as a shell has it: 130 for Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, message: str, *, signal: int, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.signal = signal
        self.exit_code = 128 + signal


class UnavailableError(OpenMolmoError):
    """What answers is not there now: it is stopping, or one of its processes was lost."""


class QueueFullError(UnavailableError):
    """More is asked at once than may wait; ``retry_after``: seconds after which to try again."""

    def __init__(self, message: str, *, retry_after: float, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.retry_after = retry_after


class NotRegisteredError(OpenMolmoError):
    """No generator, data set, task, preset or recipe has that name."""


class MissingDependencyError(OpenMolmoError):
    """An optional package is needed; the message gives the pip line."""
