"""What a person does on the chat page, in the words of the page."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image, ImageDraw

from browsing import seen_dots

__all__ = ["DOT", "ChatPage", "dots_picture"]

DOT = (20, 60, 230)


def dots_picture(
    places: list[tuple[float, float]], size: tuple[int, int] = (640, 420), background: str = "white"
) -> bytes:
    """A picture (PNG) with a blue dot of 12 pixels around each place, percent of its size."""
    picture = Image.new("RGB", size, background)
    pen = ImageDraw.Draw(picture)
    for x, y in places:
        at = x / 100 * size[0], y / 100 * size[1]
        pen.ellipse((at[0] - 6, at[1] - 6, at[0] + 5, at[1] + 5), fill=DOT)
    made = io.BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


_TRANSFER = """([kind, where, files, type]) => {
  const transfer = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector(where).dispatchEvent(event);
}"""


class ChatPage:
    """The page of a server, open."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        page.goto(address)
        page.locator(".is-ready").wait_for(state="attached")

    def give(
        self, *files: tuple[str, bytes], kind: str = "drop", where: str = "#empty", mime: str = "image/png"
    ) -> None:
        """Drop or paste files, and wait until one of them is looked at."""
        encoded = [[name, base64.b64encode(data).decode()] for name, data in files]
        self.page.evaluate(_TRANSFER, [kind, where, encoded, mime])

    def way(self, name: str) -> None:
        self.page.locator(".way", has_text=name).click()

    def ask(self, text: str, way: str = "Ask") -> None:
        self.way(way)
        self.page.locator("#question").fill(text)
        self.page.locator("#question").press("Enter")

    def ask_sample(self, name: str) -> None:
        """Take one of the page's own pictures, and ask what it proposes."""
        before = self.page.locator(".turn").count()
        self.page.locator(f"[data-sample='{name}.jpg']").evaluate("one => one.click()")  # hidden once there is one
        for _ in range(200):
            if self.page.locator("#question").input_value():
                break
            self.page.wait_for_timeout(20)
        self.page.locator("#question").press("Enter")
        self.page.locator(".turn").nth(before).wait_for()
        self.ended()

    def ended(self) -> None:
        """Wait until nothing is being written."""
        self.page.locator("#send").wait_for()

    @property
    def said(self) -> Any:
        """The last answer."""
        return self.page.locator(".said").last

    def numbers(self) -> list[str]:
        found: list[str] = self.page.locator(".turn").last.locator(".number").all_inner_texts()
        return found

    def marks(self) -> list[tuple[float, float]]:
        """Middles of the marks on the screen, from left to right."""
        found: list[list[float]] = self.page.locator(".mark circle").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect()).map((b) => [b.x + b.width / 2, b.y + b.height / 2])"
        )
        return sorted((x, y) for x, y in found)

    def seen_dots(self, ratio: float) -> list[tuple[float, float]]:
        """Middles of the blue dots that can be seen, in pixels of the page: found on the screen, not reckoned."""
        return seen_dots(self.page, DOT, 160, ratio)
