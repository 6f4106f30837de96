"""``openmolmo doctor``: what works on this machine, what is missing, and the line that installs it.

:mod:`~openmolmo.core.doctor.packages` looks at what is installed, :mod:`~openmolmo.core.doctor.machine` at processor,
memory, disk and terminal, :mod:`~openmolmo.core.doctor.torch_facts` at what PyTorch makes of it. Each gives
:class:`~openmolmo.core.doctor.finding.Finding` objects, and none needs more than Python and the plain installation.
"""

from openmolmo.core.doctor.finding import Finding
from openmolmo.core.doctor.report import examine

__all__ = ["Finding", "examine"]
