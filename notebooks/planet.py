"""A planet with a ring, for moderngl-window: ``python planet.py`` opens it in a window of its own."""

import math
from pathlib import Path

import moderngl
import numpy as np
from moderngl_window import WindowConfig, geometry


class Planet(WindowConfig):
    gl_version = (3, 3)
    title = "A planet with a ring"
    window_size = (1280, 720)
    samples = 4
    clear_color = (0.008, 0.008, 0.02, 1.0)
    resource_dir = Path(__file__).parent

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.program = self.load_program("planet.glsl")
        self.ball = geometry.sphere(radius=1.0, sectors=128, rings=64)
        corners = np.array([(x, 0, z) for x in (-2.4, 2.4) for z in (-2.4, 2.4)], "f4")
        self.ring = self.ctx.vertex_array(self.program, self.ctx.buffer(corners), "in_position")
        self.turn, self.height = -0.5, 0.28

    def on_mouse_drag_event(self, _x, _y, dx, dy):
        self.turn -= 0.008 * dx
        self.height = min(max(self.height + 0.008 * dy, -1.5), 1.5)

    def on_render(self, time, _elapsed):
        self.ctx.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        around = math.cos(self.height)
        self.program["eye"] = np.array(
            (around * math.sin(self.turn), math.sin(self.height), around * math.cos(self.turn))
        ) * (4.7 - 0.3 * math.sin(0.4 * time))
        self.program["aspect"] = self.wnd.aspect_ratio
        self.program["time"] = time
        self.ball.render(self.program)
        self.ring.render(moderngl.TRIANGLE_STRIP)


if __name__ == "__main__":
    Planet.run()
