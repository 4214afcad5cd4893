"""What a hurried parent's camera does to a picture."""

import io
import random
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Shot:
    """One photograph: rotation in degrees, the others from 0 (none) to 1 (as bad as it gets); `turn` counts quarter turns."""

    rotation: float = 0
    perspective: float = 0
    blur: float = 0
    noise: float = 0
    glare: float = 0
    dim: float = 0
    turn: int = 0
    long_side: int = 1280
    quality: int = 85


def shot(grade: str, seed: int) -> Shot:
    """A photograph of grade `clean`, `usual` or `hard`."""
    rng = random.Random(f"{grade}{seed}")
    if grade == "clean":
        return Shot()
    hard = grade == "hard"
    return Shot(
        rotation=rng.uniform(-1, 1) * (14 if hard else 6),
        perspective=rng.uniform(0, 0.9 if hard else 0.4),
        blur=rng.uniform(0, 0.8 if hard else 0.35),
        noise=rng.uniform(0, 0.8 if hard else 0.35),
        glare=rng.uniform(0, 0.8) if hard and rng.random() < 0.6 else 0,
        dim=rng.uniform(0, 0.7 if hard else 0.3),
        turn=rng.choice([0, 0, 0, 1, 2, 3]) if hard else 0,
        long_side=rng.choice([900, 1280, 1600]) if hard else rng.choice([1080, 1440]),
        quality=rng.randint(45, 80) if hard else rng.randint(70, 92),
    )


def photograph(image: Image.Image, how: Shot, seed: int) -> bytes:
    """`image` lying on a table, as the JPEG that a phone would send."""
    rng = np.random.default_rng(seed)
    margin = int(max(image.size) * 0.18)
    table = np.full((image.height + 2 * margin, image.width + 2 * margin, 3), rng.integers(60, 210, 3), dtype=np.uint8)
    grain = cv2.resize(rng.normal(0, 14, (24, 24)).astype(np.float32), (table.shape[1], table.shape[0]), interpolation=cv2.INTER_CUBIC)
    scene = np.clip(table + grain[..., None], 0, 255).astype(np.uint8)
    scene[margin:-margin, margin:-margin] = np.asarray(image)[..., ::-1]
    scale = how.long_side / max(scene.shape[:2])
    scene = cv2.resize(scene, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    scene = _tilt(scene, how, rng)
    scene = _light(scene, how, rng)
    if how.blur:
        sigma = how.blur * 2.2 * how.long_side / 1280
        scene = cv2.GaussianBlur(scene, (0, 0), max(sigma, 0.3))
    if how.noise:
        scene = np.clip(scene + rng.normal(0, 22 * how.noise, scene.shape), 0, 255).astype(np.uint8)
    scene = np.rot90(scene, how.turn)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(scene[..., ::-1])).save(out, "JPEG", quality=how.quality)
    return out.getvalue()


def _tilt(scene: np.ndarray, how: Shot, rng: np.random.Generator) -> np.ndarray:
    height, width = scene.shape[:2]
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), how.rotation, 1.0)
    scene = cv2.warpAffine(scene, turned, (width, height), borderMode=cv2.BORDER_REPLICATE)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    moved = corners + rng.uniform(-1, 1, (4, 2)).astype(np.float32) * how.perspective * 0.07 * min(height, width)
    bent = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return cv2.warpPerspective(scene, bent, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _light(scene: np.ndarray, how: Shot, rng: np.random.Generator) -> np.ndarray:
    height, width = scene.shape[:2]
    light = np.ones((height, width), dtype=np.float32)
    if how.dim:
        across = np.linspace(1 - how.dim * 0.5, 1.0, width, dtype=np.float32)
        light *= across[None, :] if rng.random() < 0.5 else across[None, ::-1]
        light *= 1 - how.dim * 0.25
    lit = scene.astype(np.float32) * light[..., None]
    if how.glare:
        x, y = rng.uniform(0.25, 0.75) * width, rng.uniform(0.3, 0.7) * height
        rows, columns = np.mgrid[0:height, 0:width]
        far = ((columns - x) / (width * 0.16)) ** 2 + ((rows - y) / (height * 0.1)) ** 2
        lit += (np.exp(-far) * 200 * how.glare)[..., None]
    return np.clip(lit, 0, 255).astype(np.uint8)
