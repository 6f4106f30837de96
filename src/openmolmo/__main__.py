"""The program ``openmolmo``, ``python -m openmolmo`` and ``torchrun -m openmolmo``: the command line."""

from openmolmo.cli import main

__all__ = ["run"]


def run() -> None:
    """The command line as a process of its own, which ends with it."""
    main(alone=True)


if __name__ == "__main__":
    run()
