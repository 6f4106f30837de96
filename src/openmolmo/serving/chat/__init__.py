"""The chat page: pictures, questions, and answers whose points are drawn while they are written.

    mount_chat(app)    # the page at "/", its files under "/chat/"

One page without a build step, which asks the API of its own server (``v1/models``, ``v1/chat/completions``) and
nobody else. What was said stays in the visitor's browser. Texts stand in ``catalogue/<language>.json``.
"""

from openmolmo.serving.chat.page import mount_chat

__all__ = ["mount_chat"]
