"""``python -m openmolmo`` and ``torchrun -m openmolmo``: the command line."""

from openmolmo.cli import main

if __name__ == "__main__":
    main()
