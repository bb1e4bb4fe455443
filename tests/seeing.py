"""What a person with eyes can make out: words against their background, and where the keyboard's focus is."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

# The words of an element, and of its icons, whose contrast to what lies behind them is too low: 4.5 is what WCAG asks
# for text, and 3 for the rest. What is disabled need not be readable, what only a screen reader reads is not seen, and
# what lies on a picture has outlines for pictures of any colour.
FAINT = """root => {
    const NOT_READ = ':disabled, .nbpipe-spoken, .nbpipe-handle, style, option';
    const pen = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const read = colour => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return Array.from(pen.getImageData(0, 0, 1, 1).data);
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => (c * a + under[i] * (255 - a)) / 255);
    const behind = e => over(read(getComputedStyle(e).backgroundColor), e.parentElement ? behind(e.parentElement) : [255, 255, 255]);
    const light = colour => colour
        .map(c => c / 255)
        .map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const faint = [];
    for (const e of root.querySelectorAll('*')) {
        const own = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('');
        const words = own || (e.matches('input[type=number]') && e.value) || (e.matches('select') && e.selectedOptions[0].text)
            || (e.matches('svg') && 'icon of ' + (e.parentElement.title || e.parentElement.textContent));
        if (!words || !e.checkVisibility() || e.closest(NOT_READ)) continue;
        const ground = behind(e), ink = over(read(getComputedStyle(e).color), ground);
        const [less, more] = [light(ground), light(ink)].sort((a, b) => a - b);
        const contrast = (more + 0.05) / (less + 0.05);
        if (contrast < (own || !e.matches('svg') ? 4.5 : 3)) faint.push(`${words}: ${contrast.toFixed(2)}`);
    }
    return faint;
}"""


def faint(widget) -> list[str]:
    """Return what of a widget's words cannot be read well."""
    return widget.evaluate(FAINT)


def changed(before: bytes, after: bytes) -> int:
    """Return how many pixels of two screenshots differ so much that it catches the eye: by a contrast of 3."""
    lights = [_luminance(png) + 0.05 for png in (before, after)]
    return int((np.maximum(*lights) / np.minimum(*lights) >= 3).sum())


def _luminance(png: bytes) -> np.ndarray:
    shares = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)
