"""Ways to do one thing, measured in turns, and compared round by round.

What a machine gives changes from minute to minute, by a quarter where its cores are virtual. Two ways that ran right
after each other have had about the same of it, so what is quoted is the median of the rounds' ratios, not the ratio of
two medians.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rounds:
    """Figures of each way, one for each round."""

    fps: dict[str, list[float]]
    processor: dict[str, list[float]]  # milliseconds a frame, of this process and of those that it has waited for

    def median(self, way: str) -> float:
        """Return frames per second."""
        return statistics.median(self.fps[way])

    def ratio(self, way: str, base: str) -> float:
        """Return how many times `base`'s frames per second `way` made."""
        return statistics.median(mine / its for mine, its in zip(self.fps[way], self.fps[base], strict=True))

    def beyond(self, way: str, *parts: str) -> float:
        """Return how many milliseconds more a frame took `way` of the processor than all `parts`; without any, in all."""
        took = (self.processor[name] for name in (way, *parts))
        return statistics.median(whole - sum(rest) for whole, *rest in zip(*took, strict=True))


def measure(ways: Mapping[str, Callable[[], object]], count: int, runs: int) -> Rounds:
    """Run each way in turn, `count` frames each time, `runs` times over after a round that warms caches up."""
    rounds = Rounds({name: [] for name in ways}, {name: [] for name in ways})
    for run in range(runs + 1):
        for name, way in ways.items():
            before, begun = os.times(), time.perf_counter()
            way()
            wall, after = time.perf_counter() - begun, os.times()
            if run:
                rounds.fps[name].append(count / wall)
                rounds.processor[name].append((sum(after[:4]) - sum(before[:4])) / count * 1e3)
    return rounds
