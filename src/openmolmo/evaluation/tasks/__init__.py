"""The tasks that a model is judged on; a plug-in adds one by an entry point in ``openmolmo.tasks``."""

from __future__ import annotations

from openmolmo.core.registry import Registry
from openmolmo.evaluation.tasks.base import Question, Task
from openmolmo.evaluation.tasks.captions import CaptionsTask
from openmolmo.evaluation.tasks.clocks import ClocksTask
from openmolmo.evaluation.tasks.counting import CountingTask
from openmolmo.evaluation.tasks.pointing import PointingTask
from openmolmo.evaluation.tasks.short_answers import ShortAnswersTask

__all__ = ["CAPTIONS", "CLOCKS", "COUNTING", "POINTING", "SHORT_ANSWERS", "TASKS", "Question", "Task"]

TASKS: Registry[Task] = Registry("task")

POINTING = PointingTask()
COUNTING = CountingTask()
CLOCKS = ClocksTask()
CAPTIONS = CaptionsTask()
SHORT_ANSWERS = ShortAnswersTask()
