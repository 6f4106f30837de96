"""A place to run code that nobody vouches for: no network, no files, no keys, an end to everything.

::

    with Sandbox(preload=("matplotlib.pyplot",)) as sandbox:
        outcome = sandbox.run("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.savefig('picture.png')")
        outcome.end, outcome.files["picture.png"], outcome.said

    runner.py    Sandbox: jobs one after the other; whatever happens to one, the next one works   (start here)
    limits.py    Limits of a job, and Outcome: how it ended and what it left
    launch.py    the command of bubblewrap, or of gVisor's runsc, and the reasons to refuse
    inside.py    the program inside: imports once, then forks a walled-off child for each job

Three walls: bubblewrap (namespaces, a read-only system, an empty environment, a private uid), around it each job's
own namespaces and memory disk, and limits of the system on all that can be used up. Nothing that comes out is
trusted. Where a machine cannot have this, code is refused, and never run without it.
"""

from openmolmo.engine.sandbox.launch import SandboxRefused, sandbox_missing
from openmolmo.engine.sandbox.limits import Limits, Outcome
from openmolmo.engine.sandbox.runner import Sandbox

__all__ = ["Limits", "Outcome", "Sandbox", "SandboxRefused", "sandbox_missing"]
