"""The scene of `live.py`: a moving picture whose lamps count the pictures drawn, and answer the keyboard.

Both contestants show it: nbpipe as a scene, jupyter_rfb as a subclass of its widget that draws and reads back as its
users do. Imported by the kernel of the notebook.
"""

from __future__ import annotations

import moderngl
import numpy as np

LAMP = 16  # pixels: large enough to come through JPEG and H.264
BITS = 10

_VERTEX = """#version 330 core
void main() {
    gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0);
}
"""
_FRAGMENT = """#version 330 core
uniform float time;
uniform vec2 size;
out vec4 color;
void main() {
    vec2 p = (2.0 * gl_FragCoord.xy - size) / size.y;
    float glow = 0.0;
    for (int i = 0; i < 5; i++) {
        vec2 at = vec2(1.3 * sin(time * 0.9 + float(i) * 1.7), 0.8 * cos(time * 1.3 + float(i) * 2.3));
        glow += 0.06 / (0.05 + dot(p - at, p - at));
    }
    float ripple = 0.5 + 0.5 * sin(12.0 * length(p) - 5.0 * time);
    color = vec4(glow * vec3(1.0, 0.6, 0.3) + ripple * vec3(0.05, 0.15, 0.3), 1.0);
}
"""


class Marked:
    """Draws the picture."""

    def __init__(self) -> None:
        self.drawn = 0
        self.pressed = 0

    def setup(self, ctx: moderngl.Context) -> None:
        """Compile."""
        self._program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._vertices = ctx.vertex_array(self._program, [])

    def draw(self, fbo: moderngl.Framebuffer, time: float) -> None:
        """Draw the picture at `time`, and count it in the lamps."""
        self.drawn += 1
        self._program["time"] = time
        self._program["size"] = fbo.size
        self._vertices.render(moderngl.TRIANGLES, vertices=3)
        shown = self.drawn << 1 | self.pressed & 1
        for bit in range(BITS + 1):
            light = 1.0 if shown >> bit & 1 else 0.0
            fbo.clear(light, light, light, viewport=(bit * LAMP, 0, LAMP, LAMP))

    def render(self, frame: object) -> None:
        """Draw for nbpipe."""
        self.draw(frame.fbo, frame.time)  # type: ignore[attr-defined]

    def on_event(self, event: dict) -> None:
        """Switch the first lamp with each key."""
        self.pressed += event["type"] == "key_down"


def rfb_widget(size: tuple[int, int]) -> object:
    """Return a widget of jupyter_rfb that shows the same."""
    import threading
    import time

    from jupyter_rfb import RemoteFrameBuffer

    class Widget(RemoteFrameBuffer):
        scene = None
        thread = 0

        def get_frame(self) -> np.ndarray:
            # It draws where its acknowledgements arrive, and not always on one thread; a context belongs to one.
            if self.thread != threading.get_ident():
                self.thread = threading.get_ident()
                settings = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
                self.ctx = moderngl.create_context(standalone=True, **settings)
                self.fbo = self.ctx.simple_framebuffer(size, 4)
                self.scene = Marked()
                self.scene.setup(self.ctx)
            self.fbo.use()
            self.scene.draw(self.fbo, time.perf_counter())
            self.request_draw()
            picture = np.frombuffer(self.fbo.read(components=4), np.uint8).reshape(size[1], size[0], 4)
            return picture[::-1, :, :3]

        def handle_event(self, event: dict) -> None:
            if self.scene is not None:
                self.scene.on_event(event)

    return Widget(css_width=f"{size[0]}px", css_height=f"{size[1]}px")
