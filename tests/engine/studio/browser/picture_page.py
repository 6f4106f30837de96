"""What a person does on a page with a picture, in terms of the picture."""

from __future__ import annotations

from typing import Any

from browsing import seen_dots


class PicturePage:
    """A page whose picture stands in ``#picture``; places are percent of the picture."""

    def __init__(self, page: Any) -> None:
        self.page = page
        page.wait_for_selector(".picture-tools button")
        self.until("[...document.querySelectorAll('.picture-stage img')].every((one) => one.complete)")

    @property
    def view(self) -> Any:
        return self.page.locator(".picture-view")

    def box(self) -> dict[str, float]:
        """Where the picture lies on the screen."""
        box: dict[str, float] = self.page.evaluate(
            "(() => { const b = document.querySelector('.picture-stage img').getBoundingClientRect();"
            " return { x: b.x, y: b.y, width: b.width, height: b.height }; })()"
        )
        return box

    def spot(self, x: float, y: float) -> tuple[float, float]:
        box = self.box()
        return box["x"] + x / 100 * box["width"], box["y"] + y / 100 * box["height"]

    def click(self, x: float, y: float, **how: Any) -> None:
        self.page.mouse.click(*self.spot(x, y), **how)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        a, b = self.spot(*start), self.spot(*end)
        self.page.mouse.move(*a)
        self.page.mouse.down()
        self.page.mouse.move((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        self.page.mouse.move(*b)
        self.page.mouse.up()

    def marks(self) -> int:
        count: int = self.page.locator(".picture-marks .mark").count()
        return count

    def counts(self) -> list[str]:
        """The live counts beside the names."""
        texts: list[str] = self.page.locator(".thing-count").all_inner_texts()
        return texts

    def wait_counts(self, *counts: str) -> None:
        """Wait until the counts are these: what stands behind a dialogue comes a moment later."""
        self.until(
            "(counts) => JSON.stringify([...document.querySelectorAll('.thing-count')].map((one) => one.textContent))"
            " === JSON.stringify(counts)",
            list(counts),
        )

    def until(self, true: str, value: Any = None) -> None:
        """Wait until an expression holds. (The page's policy forbids Playwright's own way, which is ``eval``.)"""
        for _ in range(200):
            if self.page.evaluate(true, value):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {true} {value}")

    def names(self) -> list[str]:
        names: list[str] = self.page.locator("input.thing-name").evaluate_all("all => all.map(one => one.value)")
        return names

    def seen_dots(self, colour: tuple[int, int, int], ratio: float) -> list[tuple[float, float]]:
        """Middles of the dots of a colour that can be seen, in pixels of the page, from left to right."""
        return seen_dots(self.page, colour, 200, ratio)

    def hand_in(self) -> None:
        """Press the button, and be on the next page."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Hand in").click()
