"""The words: how people ask for the time and how it is said."""

from __future__ import annotations

from openmolmo.engine.synth.clocks.dice import Dice

__all__ = ["ANSWERS", "QUESTIONS", "SECONDS_QUESTIONS", "answer", "question"]

QUESTIONS = (
    "What time is it?",
    "What time does the clock show?",
    "What is the time?",
    "What time is shown in the picture?",
    "Which time does this clock display?",
    "Can you read the clock?",
    "Tell me the time on this clock.",
    "Read the time, please.",
    "What does the clock say?",
    "What time is being shown?",
    "Can you tell me what time it is?",
    "According to this clock, what time is it?",
    "What's the time on the face?",
    "Look at the clock. What time is it?",
    "Please say which time you can see here.",
    "What time do you see?",
)

SECONDS_QUESTIONS = (
    "What time is it, to the second?",
    "What is the exact time, with seconds?",
    "Read the clock in hours, minutes and seconds.",
    "What time does it show? Include the seconds.",
)

WATCH_QUESTIONS = (
    "What time does the watch show?",
    "What time is it on this watch?",
    "What does the watch say?",
    "Which time can be read on the watch?",
)

ANSWERS = ("The time shown is {time}.", "The time is {time}.", "It is {time}.", "The {thing} shows {time}.")


def question(dice: Dice, *, thing: str, seconds: bool) -> str:
    """A question about the time; some ask for seconds where the clock has them."""
    if seconds and dice.chance(0.25):
        return dice.pick(SECONDS_QUESTIONS)
    if thing == "watch" and dice.chance(0.4):
        return dice.pick(WATCH_QUESTIONS)
    return dice.pick(QUESTIONS)


def answer(dice: Dice, *, time: str, thing: str) -> str:
    """A sentence with the time in it, e.g. ``The time shown is 10:42.``"""
    return dice.pick(ANSWERS).format(time=time, thing=thing)
