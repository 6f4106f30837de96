"""From the drawn clock to the picture: pose, blending over a background, light, faults, JPEG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.backgrounds import add_grain
from openmolmo.engine.synth.clocks.canvas import Canvas, Pixels, circle, rotated
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.family import Family
from openmolmo.engine.synth.clocks.palette import any_colour, grey, mix
from openmolmo.engine.synth.clocks.shapes import Shape

cv2 = require("cv2", extra="synth")

__all__ = ["Pose", "blend", "choose_pose", "encode", "finish", "occlude"]


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the dial is in the picture: radius and centre in pixels, turn and tilts in radians."""

    radius: float
    x: float
    y: float
    turn: float = 0.0
    tilt_x: float = 0.0
    tilt_y: float = 0.0

    @property
    def plain(self) -> bool:
        """No tilt: an affine map is enough."""
        return self.tilt_x == 0.0 and self.tilt_y == 0.0

    def matrix(self, canvas: Canvas) -> npt.NDArray[np.float64]:
        """The homography (3, 3) from canvas pixels to picture pixels."""
        scale = self.radius / canvas.unit
        c, s = math.cos(self.turn), math.sin(self.turn)
        into = np.array([[scale, 0, -canvas.x0 * scale], [0, scale, -canvas.y0 * scale], [0, 0, 1.0]])
        # A camera four radii away, looking at a dial turned about its two axes.
        away = 4.0 * self.radius
        ax, ay = math.cos(self.tilt_x), math.cos(self.tilt_y)
        depth = (-math.sin(self.tilt_y) / away, -math.sin(self.tilt_x) / away)
        tilt = np.array([[ay, 0, 0], [0, ax, 0], [depth[0], depth[1], 1.0]])
        turn = np.array([[c, -s, self.x], [s, c, self.y], [0, 0, 1.0]])
        result: npt.NDArray[np.float64] = turn @ tilt @ into
        return result


def choose_pose(dice: Dice, family: Family, shape: Shape, size: int, *, marked: bool) -> Pose:
    """Mostly large and upright near the middle; sometimes small, aside, turned or tilted.

    ``marked`` says that the dial shows which way is up, so that it may be turned further.
    """
    across = max(shape.half_width, shape.half_height) if family.display != "screen" else shape.half_width
    largest = 0.47 * size / across
    whole = 0.49 * size / max(family.extent)
    closer = 1.0 if family.display == "analog" else 1.25  # a row of digits needs more pixels than hands
    kind = dice.weighted(((6, "large"), (3, "middle"), (1, "small")))
    if kind == "large":
        radius = min(largest, max(whole, 0.38 * size)) * dice.between(0.88, 1.0)
    elif kind == "middle":
        radius = min(largest, size * dice.between(0.28, 0.4) * closer)
    else:
        radius = min(largest, size * dice.between(0.19, 0.28) * closer)
    room = max(0.0, size / 2 - radius * across * 1.04)
    spread = room * (0.35 if kind == "large" else 0.9)
    turn = tilt_x = tilt_y = 0.0
    if dice.chance(0.45):
        turn = dice.around(0, math.radians(14))
        if marked and dice.chance(0.15):
            turn = dice.around(0, math.radians(50))
    if dice.chance(0.3):
        tilt_x, tilt_y = dice.around(0, 0.5), dice.around(0, 0.5)
    return Pose(radius, size / 2 + dice.around(0, spread), size / 2 + dice.around(0, spread), turn, tilt_x, tilt_y)


def blend(picture: Pixels, canvas: Canvas, pose: Pose, dice: Dice) -> Pixels:
    """The canvas laid over the picture in its pose, with a soft shadow on what is behind."""
    size = picture.shape[0]
    matrix = pose.matrix(canvas)
    if pose.plain:
        placed = cv2.warpAffine(canvas.pixels, matrix[:2], (size, size), flags=cv2.INTER_LINEAR)
    else:
        placed = cv2.warpPerspective(canvas.pixels, matrix, (size, size), flags=cv2.INTER_LINEAR)
    clear = cv2.bitwise_not(cv2.extractChannel(placed, 3))
    if dice.chance(0.7):
        _drop_shadow(picture, clear, dice, pose.radius)
    behind = cv2.multiply(picture, cv2.cvtColor(clear, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    result: Pixels = cv2.add(behind, cv2.cvtColor(placed, cv2.COLOR_BGRA2BGR))
    return result


def _drop_shadow(picture: Pixels, clear: Pixels, dice: Dice, radius: float) -> None:
    size = picture.shape[0]
    small = cv2.resize(clear, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
    blur = 2 * int(radius * dice.between(0.01, 0.05)) + 3
    moved = np.array([[1, 0, radius / 4 * dice.between(-0.1, 0.1)], [0, 1, radius / 4 * dice.between(0.02, 0.14)]])
    small = cv2.blur(small, (blur, blur))
    small = cv2.warpAffine(small, moved, small.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    depth = dice.between(0.25, 0.6)
    small = cv2.addWeighted(small, depth, small, 0.0, 255 * (1 - depth))
    shade = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(picture, cv2.cvtColor(shade, cv2.COLOR_GRAY2BGR), dst=picture, scale=1 / 255)


def occlude(picture: Pixels, dice: Dice, pose: Pose) -> None:
    """Something in front of the dial's rim: a blurred object, a post, a leaf. The middle stays free."""
    colour = any_colour(dice)
    angle, kind = dice.between(0, math.tau), dice.pick(("disc", "bar", "leaf"))
    if kind == "bar":
        distance, half = dice.between(0.55, 0.9) * pose.radius, dice.between(0.04, 0.12) * pose.radius
        corners = np.array(
            [[-9, -distance - half], [9, -distance - half], [9, -distance + half], [-9, -distance + half]]
        )
        corners[:, 0] *= pose.radius
    else:
        large = dice.between(0.25, 0.5) * pose.radius
        flat = (1.0, 1.0) if kind == "disc" else (0.35, 1.2)
        corners = circle(32) * large * flat + (0.0, -dice.between(0.85, 1.1) * pose.radius)
    points = rotated(corners, angle) + np.array([pose.x, pose.y])
    # Drawn at a quarter of the size and enlarged: out of focus, with a lighter upper side.
    size = picture.shape[0] // 4
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [(points * 4).astype(np.int32)], 255, cv2.LINE_AA, 4)
    mask = cv2.resize(cv2.blur(mask, (3, 3)), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    pair = np.array([mix(colour, grey(255), 0.25)[:3], mix(colour, grey(0), 0.35)[:3]], np.uint8)[:, None]
    front = cv2.resize(pair, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    weight = mask.astype(np.float32) / 255
    cv2.blendLinear(front, picture.copy(), weight, 1 - weight, dst=picture)


def finish(picture: Pixels, dice: Dice, pose: Pose, *, analog: bool) -> Pixels:
    """Light, contrast, glare, blur and noise, each at a moderate rate and strength."""
    size = picture.shape[0]
    if dice.chance(0.25):
        corners = np.array([dice.between(0.6, 1.0) * 255 for _ in range(4)], np.uint8).reshape(2, 2)
        light = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
        picture = cv2.multiply(picture, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    if dice.chance(0.12) and analog:
        _glare(picture, dice, pose)
    if dice.chance(0.35):
        gain = dice.between(0.75, 1.15)
        picture = cv2.convertScaleAbs(picture, alpha=gain, beta=dice.between(-8, 22) * (gain > 0.8))
    if dice.chance(0.1):
        picture = cv2.GaussianBlur(picture, (0, 0), size / 256 * dice.between(0.5, 1.1))
    if dice.chance(0.4):
        add_grain(picture, dice, dice.between(0.04, 0.28))
    return picture


def _glare(picture: Pixels, dice: Dice, pose: Pose) -> None:
    """A pale band of reflected light across the glass."""
    layer = picture.copy()
    middle, width = dice.between(-0.5, 0.5), dice.between(0.08, 0.3)
    across = np.clip(np.linspace(middle - width, middle + width, 8), -0.97, 0.97)
    along = np.sqrt(0.95 - across**2 * 0.95)
    band = np.concatenate([np.stack([across, -along], 1), np.stack([across, along], 1)[::-1]])
    points = rotated(band * pose.radius, pose.turn + dice.between(0.3, 1.2)) + np.array([pose.x, pose.y])
    cv2.fillPoly(layer, [(points * 16).astype(np.int32)], (255, 255, 255), cv2.LINE_AA, 4)
    share = dice.between(0.08, 0.25)
    cv2.addWeighted(picture, 1 - share, layer, share, 0, dst=picture)


def encode(picture: Pixels, dice: Dice) -> bytes:
    """JPEG bytes, quality 85-95."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, dice.whole(85, 95)])
    assert done, "OpenCV could not encode the picture"
    return bytes(data)
