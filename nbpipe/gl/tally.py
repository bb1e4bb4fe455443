"""What becomes of pictures on their way into the slots, counted: the work that nobody sees and that may be avoided.

A source counts each picture when its bytes are in a slot, or their read is issued. Render thread only; the snapshot
may be read on any.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """How many pictures were taken so far, and how many of them cost more than the one way into a slot.

    Attributes
    ----------
    frames : int
        Pictures taken.
    not_contiguous : int
        Arrays whose bytes do not lie one after the other (not C-contiguous). They are gathered first: 1080p RGB takes
        10 ms as ``picture[:, ::-1]``, but 0.2 ms in whole rows, as in ``picture[::-1]``.
    converted : int
        Pictures of the GL whose numbers are not those that are read, such as a texture of floats for a video of
        8 bits, or one of 8 bits for a video of 10, or for a dithered one, which is read in 16. The GL converts them
        as it copies.
    extra_copies : int
        Pictures that are copied once more. That is so for textures and framebuffers where the GPU converts them for
        the video: its shader does not see all that can be read. ``conversion="cpu"`` does without.
    """

    frames: int = 0
    not_contiguous: int = 0
    converted: int = 0
    extra_copies: int = 0


class Tally:
    """Counts for one source.

    Attributes
    ----------
    stats : Stats
        The latest snapshot.
    """

    def __init__(self) -> None:
        self.stats = Stats()

    def count(self, *, not_contiguous: bool = False, converted: bool = False, extra_copies: int = 0) -> None:
        """Add one picture."""
        so_far = self.stats
        self.stats = Stats(
            so_far.frames + 1,
            so_far.not_contiguous + not_contiguous,
            so_far.converted + converted,
            so_far.extra_copies + extra_copies,
        )
