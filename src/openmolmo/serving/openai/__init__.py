"""The API in OpenAI's form: chat completions, responses, completions, tokens, models, figures.

``create`` puts the application together around backends, ``settings`` are its limits. ``guard`` sees every request
first, ``reading`` its body; ``schemas`` are the fields, ``messages`` and ``pictures`` make a question of them,
``choosing`` how tokens are chosen, ``running`` has it answered; ``writing`` with ``chat``, ``responses`` and
``completions`` tells what came. ``failures`` makes sentences of errors, ``network`` cuts connections that stand
still, ``server`` runs it all.
"""

from openmolmo.serving.openai.create import create_app
from openmolmo.serving.openai.settings import ModelCard, ServeSettings

__all__ = ["ModelCard", "ServeSettings", "create_app"]
