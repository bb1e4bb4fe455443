"""GLSL as a scene: the inputs arrive, errors name the user's own lines, and nobody else's state shows."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import av
import moderngl
import numpy as np
import pytest
from watermark import luma

import nbpipe
from nbpipe.scene.frame import Frame
from nbpipe.scene.shader import Shader

SIZE = (4, 3)
HEAD = "out vec4 colour;\n"


@pytest.fixture
def draw(ctx):
    """Draw one frame of a shader into floats; return it with row 0 at the bottom, as gl_FragCoord counts."""
    ctx.detect_framebuffer(0).use()  # moderngl would go back to one that was released
    fbo = ctx.framebuffer([ctx.texture(SIZE, 4, dtype="f4")])
    ctx.enable_only(moderngl.NOTHING)

    def draw(shader, *, index=0, fps=Fraction(60), live=False):
        shader = Shader(shader) if isinstance(shader, str) else shader
        if not live:
            shader.setup(ctx)
        fbo.use()
        shader.render(Frame(ctx, fbo, float(index / fps), index, None, fps, SIZE))
        if not live:
            shader.release()
        return np.frombuffer(fbo.read(components=4, dtype="f4"), "f4").reshape(SIZE[1], SIZE[0], 4)

    yield draw
    ctx.detect_framebuffer(0).use()
    fbo.color_attachments[0].release()
    fbo.release()


def image(expression):
    return f"void mainImage(out vec4 c, in vec2 p) {{ c = vec4({expression}); }}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iTime, 0, 0, 0", (np.float32(90 * 1001 / 30000), 0, 0)),
        ("iTimeDelta, 0, 0, 0", (np.float32(1001 / 30000), 0, 0)),
        ("iFrameRate, 0, 0, 0", (np.float32(30000 / 1001), 0, 0)),
        ("float(iFrame), 0, 0, 0", (90, 0, 0)),
        ("iResolution, 0", (4, 3, 1)),
        ("iMouse.xyz, 0", (0, 0, 0)),
    ],
)
def test_shadertoys_inputs(draw, name, value):
    pixels = draw(image(name), index=90, fps=Fraction(30000, 1001))
    assert (pixels[..., :3] == value).all()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, (2024, 11, 31, 86398)), (1, (2024, 11, 31, 86399)), (2, (2025, 0, 1, 0)), (3, (2025, 0, 1, 1))],
)
def test_the_date_advances_with_the_video_also_over_midnight(draw, seconds, expected):
    eve = dt.datetime(2024, 12, 31, 23, 59, 58, tzinfo=dt.UTC)
    year_month_day = draw(Shader(image("iDate.xyz, 1"), date=eve), index=seconds, fps=Fraction(1))
    time_of_day = draw(Shader(image("iDate.w"), date=eve), index=seconds, fps=Fraction(1))
    assert (*year_month_day[0, 0, :3], time_of_day[0, 0, 0]) == expected


def test_the_date_is_now_unless_given(draw):
    before = dt.datetime.now().date()  # noqa: DTZ005  the viewer's wall clock
    year, month, day, _ = draw(image("iDate.xyz, 1"))[0, 0]
    after = dt.datetime.now().date()  # noqa: DTZ005
    assert before <= dt.date(int(year), int(month) + 1, int(day)) <= after


def test_pixels_are_addressed_by_their_centres_from_the_lower_left(draw):
    pixels = draw(image("p, 0, 1"))
    x, y = np.meshgrid(np.arange(4) + 0.5, np.arange(3) + 0.5)
    assert (pixels[..., 0] == x).all()
    assert (pixels[..., 1] == y).all()


def test_alpha_of_an_image_is_ignored(draw):
    assert (draw(image("0.5, 0.5, 0.5, 0.0"))[..., 3] == 1).all()


def test_a_colour_that_is_never_set_is_black(draw):
    assert (draw("void mainImage(out vec4 c, in vec2 p) { c.r = 0.5; }")[..., 3] == 1).all()


@pytest.mark.parametrize(
    "version", ["", "#version 330\n", "#version 330 core\n", "\n  # version 330\n", "// mine\n#version 330\n"]
)
def test_a_whole_shader_gets_the_inputs_it_declares(draw, version):
    source = (
        version
        + "uniform float iTime; uniform int iFrame;"
        + HEAD
        + "void main() { colour = vec4(iTime, iFrame, 0, 0.25); }"
    )
    assert (draw(source, index=30) == (0.5, 30, 0, 0.25)).all()


def test_iresolution_may_be_a_vec2(draw):
    source = "uniform vec2 iResolution;" + HEAD + "void main() { colour = vec4(iResolution, 0, 1); }"
    assert (draw(source) == (4, 3, 0, 1)).all()


@pytest.mark.parametrize(
    "source",
    [
        "// void mainImage( was here\n" + HEAD + "void main() { colour = vec4(1); }",
        "/* void mainImage(out vec4 c, in vec2 p) {}\n */" + HEAD + "void main() { colour = vec4(1); }",
        "// void main() was here\n" + image("1"),
        "/* #version 120\n */\n" + HEAD + "void main() { colour = vec4(1); }",
        HEAD + "void/* really */main() { colour = vec4(1); }",
        "void mainImage ( out vec4 c,\n in vec2 p )\n{ c = vec4(1); }",
    ],
)
def test_comments_and_spacing_do_not_confuse(draw, source):
    assert (draw(source) == 1).all()


@pytest.mark.parametrize(
    "before",
    [
        "uniform vec3 iResolution;\nuniform float iTime;\nuniform sampler2D iChannel0;\n",
        "uniform vec2 iResolution; // of the window\n",
        "#version 330 core\n",
        "#version 300 es\nprecision mediump float;\nuniform vec3 iResolution;\n",
    ],
)
def test_what_a_shadertoy_needs_elsewhere_may_come_along(draw, before):
    pixels = draw(before + image("iResolution.xy, iTime, 1"), index=30)
    assert (pixels[0, 0] == (4, 3, 0.5, 1)).all()
    with pytest.raises(nbpipe.SceneError, match=f"line {before.count(chr(10)) + 1}, "):
        draw(before + image("nothing"))


def test_a_whole_shader_may_be_of_webgl_2(draw):
    head = "#version 300 es\nprecision highp float;\nuniform vec2 iResolution;\nout vec4 colour;\n"
    pixels = draw(head + "void main() { colour = vec4(gl_FragCoord.xy / iResolution, 0, 1); }")
    assert (pixels[1, 1] == (1.5 / 4, 1.5 / 3, 0, 1)).all()
    with pytest.raises(nbpipe.SceneError, match=r"GLSL ES 1.00 is too old .* '#version 300 es'"):
        draw("#version 100\nvoid main() { gl_FragColor = vec4(1); }")


def test_a_comment_is_no_shader():
    with pytest.raises(nbpipe.SceneError, match="no 'void mainImage"):
        Shader("// void main() {}\n/* void mainImage(out vec4 c, in vec2 p) {} */")


def test_a_whole_shader_may_have_a_function_called_mainimage(draw):
    source = "#version 330\n" + HEAD + image("1") + "\nvoid main() { mainImage(colour, gl_FragCoord.xy); }"
    assert (draw(source) == 1).all()


class TestUniforms:
    def test_numbers_and_tuples(self, draw):
        source = "uniform float speed; uniform int steps; uniform vec2 at;" + image("speed, steps, at.y, 1")
        assert (draw(Shader(source, speed=0.5, steps=3, at=(7, 8)))[0, 0, :3] == (0.5, 3, 8)).all()

    def test_a_mouse_that_is_given_stays(self, draw):
        assert (draw(Shader(image("iMouse.xyz, 1"), iMouse=(1, 2, 3, 4)))[0, 0, :3] == (1, 2, 3)).all()

    def test_a_texture_of_ones_own(self, draw, ctx):
        texture = ctx.texture((1, 1), 4, bytes([0, 51, 102, 255]))
        pixels = draw(Shader(image("texture(iChannel0, p / iResolution.xy).rgb, 1"), iChannel0=texture))
        assert np.allclose(pixels[..., :3], (0, 0.2, 0.4))
        assert texture.read() == bytes([0, 51, 102, 255]), "it is the user's and stays"
        texture.release()

    @pytest.mark.parametrize("channels", [None, 1, 3, 4])
    def test_an_array_stands_upright(self, draw, channels):
        shape = (SIZE[1], SIZE[0]) if channels is None else (SIZE[1], SIZE[0], channels)
        array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        seen = (channels or 1) % 4 or 3  # the fourth is alpha, which a video has not
        pixels = draw(Shader(image("texelFetch(iChannel0, ivec2(p), 0).rgb, 1"), iChannel0=array))
        expected = array.reshape(*shape[:2], -1)[::-1, :, :seen]
        assert (np.rint(pixels[..., :seen] * 255) == expected).all()

    def test_several_textures_keep_apart(self, draw):
        shades = {f"iChannel{n}": np.full((1, 1), 50 * n, np.uint8) for n in (1, 2, 3)}
        fetches = ", ".join(f"texelFetch({name}, ivec2(0), 0).r" for name in shades)
        pixels = draw(Shader(image(f"{fetches}, 1"), **shades))
        assert (np.rint(pixels[0, 0, :3] * 255) == (50, 100, 150)).all()

    def test_a_shader_is_told_the_size_of_its_textures(self, draw):
        shader = Shader(
            image("iChannelResolution[0] * texelFetch(iChannel0, ivec2(0), 0).r, 1"),
            iChannel0=np.full((5, 7), 255, np.uint8),
        )
        assert (draw(shader)[0, 0, :3] == (7, 5, 1)).all()

    def test_what_a_person_gives_for_an_input_stays(self, draw):
        shader = Shader(image("iTime, iChannelTime[3], iChannelResolution[3].x, 1"), iTime=0.25)
        shader.uniforms |= {"iChannelTime": [0.5] * 4, "iChannelResolution": [(0.75, 0, 0)] * 4}
        assert draw(shader)[0, 0, :3] == pytest.approx((0.25, 0.5, 0.75), abs=0.01)

    def test_an_unknown_one_is_refused_with_the_known_ones(self, draw):
        source = "uniform float speed; uniform float size;" + image("speed, size, iTime, 1")
        with pytest.raises(nbpipe.SceneError, match=r"no uniform 'sped' \(it uses: iTime, size, speed\)"):
            draw(Shader(source, sped=1))

    @pytest.mark.parametrize("value", ["fast", (1, 2), None, np.zeros((2, 2))])
    def test_a_value_of_the_wrong_kind_is_named(self, draw, value):
        with pytest.raises(nbpipe.SceneError, match="uniform 'speed' cannot take"):
            draw(Shader("uniform float speed;" + image("speed"), speed=value))

    @pytest.mark.parametrize(
        "declaration",
        [
            "uniform float unused = 1.0;",
            "uniform vec3 unused;",
            "uniform float unused[3];",
            "uniform sampler2D unused;",
            "struct Lamp { float glow; }; uniform Lamp unused;",
        ],
    )
    def test_one_that_is_declared_and_unused_is_no_error_while_someone_types(self, draw, declaration):
        assert (draw(Shader(declaration + image("1"), unused=1)) == 1).all()
        assert (draw(Shader(image("1"), iChannel0=np.zeros((1, 1), np.uint8))) == 1).all()

    def test_one_in_a_comment_is_not_declared(self, draw):
        with pytest.raises(nbpipe.SceneError, match="no uniform 'speed'"):
            draw(Shader("// uniform float speed;\n" + image("1"), speed=1))

    def test_what_nobody_gave_starts_as_its_control(self, draw):
        source = """
            uniform float a = 0.25;
            uniform float b; // @range(0, 3)
            uniform float d; // @options(0.75, 1.0)
            uniform vec3 colour;
        """
        assert (draw(source + image("a, b, d, 1"))[0, 0, :3] == (0.25, 1.5, 0.75)).all()
        assert (draw(source + image("colour, 1"))[0, 0, :3] == 1).all()
        assert (draw(source.replace("colour", "other") + image("other, 1"))[0, 0, :3] == 0).all()


class TestLiveUniforms:
    @pytest.fixture
    def running(self, draw, ctx):
        started = []

        def start(shader):
            shader.setup(ctx)
            started.append(shader)
            return lambda: draw(shader, live=True)[0, 0, :3]

        yield start
        for shader in started:
            shader.release()

    def test_a_change_shows_in_the_next_frame(self, running):
        shader = Shader("uniform float a = 0.25; uniform bool b; uniform vec2 v;" + image("a, b, v.y, 1"))
        show = running(shader)
        assert (show() == (0.25, 0, 0)).all()
        shader.uniforms.update(a=0.5, b=True, v=(1, 2))
        assert (show() == (0.5, 1, 2)).all()
        shader.uniforms["v"] = [1, 3]
        show()
        shader.uniforms["v"][1] = 4
        assert (show() == (0.5, 1, 4)).all()

    def test_what_is_taken_away_goes_back_to_its_start(self, running):
        shader = Shader("uniform float a = 0.25; uniform float b = 1.0;" + image("a, b, 0, 1"), a=3)
        show = running(shader)
        shader.uniforms.update(a=4, b=5)
        assert (show() == (4, 5, 0)).all()
        del shader.uniforms["a"]
        del shader.uniforms["b"]
        assert (show() == (3, 1, 0)).all()

    def test_another_array_is_another_texture_and_the_old_one_is_freed(self, running):
        def shade(value):
            return np.full((1, 1), value, np.uint8)

        shader = Shader(
            image("texelFetch(iChannel0, ivec2(0), 0).r, texelFetch(iChannel1, ivec2(0), 0).r, 0, 1"),
            iChannel0=shade(51),
            iChannel1=shade(255),
        )
        show = running(shader)
        assert np.allclose(show(), (0.2, 1, 0))
        made = list(shader._made)
        for value in (102, 153, 204):
            shader.uniforms["iChannel0"] = shade(value)
            assert np.allclose(show(), (value / 255, 1, 0))
        assert len(shader._made) == len(made)
        assert [isinstance(each.mglo, moderngl.InvalidObject) for each in made] == [False, False, True, False]

    def test_a_wrong_value_is_named_by_the_frame_and_may_be_mended(self, running):
        shader = Shader("uniform float a;" + image("a, 0, 0, 1"))
        show = running(shader)
        shader.uniforms["a"] = "fast"
        with pytest.raises(nbpipe.SceneError, match="uniform 'a' cannot take 'fast'"):
            show()
        shader.uniforms["a"] = 2
        assert show()[0] == 2

    def test_a_new_name_that_is_not_declared_is_refused(self, running):
        shader = Shader("uniform float a;" + image("a"))
        show = running(shader)
        shader.uniforms["b"] = 1
        with pytest.raises(nbpipe.SceneError, match="no uniform 'b'"):
            show()


def pointer(kind, x, y, button=1):
    return {
        "type": f"pointer_{kind}",
        "timestamp": 0.0,
        "x": x,
        "y": y,
        "button": button,
        "buttons": (),
        "modifiers": (),
    }


class TestMouse:
    SIZE = (640, 360)

    @pytest.fixture
    def shader(self):
        return Shader(image("iMouse"))

    def show(self, shader, size=SIZE):
        return shader.mouse.uniform(size)

    def test_shadertoys_signs(self, shader):
        assert self.show(shader) == (0, 0, 0, 0)
        shader.on_event(pointer("move", 5, 5))
        assert self.show(shader) == (0, 0, 0, 0), "nothing was pressed"
        shader.on_event(pointer("down", 100, 59))
        assert self.show(shader) == (100, 300, 100, 300), "the frame of the click"
        assert self.show(shader) == (100, 300, 100, -300)
        shader.on_event(pointer("move", 200, 359))
        assert self.show(shader) == (200, 0, 100, -300), "a drag"
        shader.on_event(pointer("up", 300, 0))
        assert self.show(shader) == (200, 0, -100, -300), "where it was last seen down"
        shader.on_event(pointer("move", 1, 1))
        assert self.show(shader) == (200, 0, -100, -300)

    def test_a_click_within_a_frame_shows_once(self, shader):
        self.show(shader)
        shader.on_event(pointer("down", 10, 349))
        shader.on_event(pointer("up", 10, 349))
        assert self.show(shader) == (10, 10, -10, 10)
        assert self.show(shader) == (10, 10, -10, -10)

    def test_the_other_buttons_do_nothing(self, shader):
        shader.on_event(pointer("down", 10, 10, button=2))
        assert self.show(shader) == (0, 0, 0, 0)
        shader.on_event(pointer("down", 10, 10))
        shader.on_event(pointer("up", 10, 10, button=2))
        assert self.show(shader)[2] > 0

    def test_the_pixel_is_the_one_under_the_pointer_and_in_the_picture(self, shader):
        self.show(shader)
        shader.on_event(pointer("down", 0, 0))
        assert self.show(shader)[:2] == (0, 359)
        shader.on_event(pointer("move", 640, 360))
        assert self.show(shader)[:2] == (639, 0)
        shader.on_event(pointer("move", -5000, 5000))
        assert self.show(shader)[:2] == (0, 0)
        for size in [(640, 640), (49, 49), (1187, 1187)]:
            self.show(shader, size)
            for x in range(size[0]):
                shader.on_event(pointer("move", x, x))
                assert self.show(shader, size)[:2] == (x, size[1] - 1 - x)

    def test_in_the_first_column_and_row_it_is_down_too(self, shader):
        shader.on_event(pointer("down", 0, 359))
        x, y, z, w = self.show(shader)
        assert (x, y) == (0, 0)
        assert z > 0
        assert w > 0

    def test_another_size_shows_the_same_place(self, shader):
        self.show(shader)
        shader.on_event(pointer("down", 160, 90))
        assert self.show(shader, (1280, 720)) == (320, 539, 320, 539)
        shader.on_event(pointer("move", 640, 360))
        assert self.show(shader, (64, 36))[:2] == (32, 17)
        shader.on_event({"type": "resize", "width": 100, "height": 100})
        shader.on_event(pointer("move", 25, 25))
        assert self.show(shader, self.SIZE)[:2] == (160, 269)

    def test_before_the_first_frame_its_size_counts(self, draw):
        shader = Shader(image("iMouse.xyz, 1"))
        shader.on_event(pointer("down", 1, 0))
        assert (draw(shader)[0, 0, :3] == (1, 2, 1)).all()
        shader.on_event(pointer("move", 3, 2))
        assert (draw(shader)[0, 0, :3] == (3, 0, 1)).all()

    def test_its_state_can_be_kept(self, shader):
        self.show(shader)
        assert shader.mouse.state == []
        shader.on_event(pointer("down", 160, 90))
        shader.on_event(pointer("move", 320, 180))
        kept = shader.mouse.state
        shader.on_event(pointer("up", 0, 0))
        shader.mouse.state = kept
        assert self.show(shader) == (320, 179, 160, -269)
        shader.mouse.state = []
        assert self.show(shader) == (0, 0, 0, 0)
        with pytest.raises(ValueError, match="five finite numbers or none, not"):
            shader.mouse.state = [1, 2, float("nan"), 4, 5]


@pytest.mark.parametrize(
    "source",
    [
        "\n\nvoid mainImage(out vec4 c, in vec2 p) {\n    c = vec4(nonsense);\n}",
        "#version 330\n" + HEAD + "void main() {\n    colour = vec4(nonsense);\n}",
        HEAD + "\nvoid main() {\n    colour = vec4(nonsense);\n}",
    ],
    ids=["mainImage", "whole with #version", "whole without"],
)
def test_errors_name_the_users_own_line(draw, source):
    with pytest.raises(nbpipe.SceneError, match=r"line 4, column \d+: .*nonsense.*\n +\w+ = vec4\(nonsense\);"):
        draw(source)


def test_the_first_line_can_be_wrong_too(draw):
    with pytest.raises(nbpipe.SceneError, match=r"line 1, column 1: .*\n +nonsense;\n +\^"):
        draw("nonsense;\n" + image("1"))


@pytest.mark.parametrize(
    "line",
    [
        "float a = nonsense;",
        "    float   a  =   nonsense;",
        "\tfloat a =\t nonsense;",
        "float a = /* Übung */ 1.0 + /* 2 */ nonsense; // nonsense",
        "/* from above\n */ float a = nonsense;",
        "float a = 1.0; float b = nonsense;",
    ],
)
def test_a_caret_stands_under_the_column_of_the_users_own_text(draw, line):
    with pytest.raises(nbpipe.SceneError) as caught:
        draw("void mainImage(out vec4 c, in vec2 p) {\n" + line + "\n}")
    _, where, shown, caret, *_ = str(caught.value).split("\n")
    own = line.split("\n")[-1]
    assert where.startswith(f"line {1 + len(line.splitlines())}, column {1 + own.index('nonsense')}: error: ")
    assert shown.strip() == own.strip().expandtabs(4) or "\t" in line
    assert caret.strip() == "^"
    assert shown[caret.index("^") :].startswith("nonsense")


def test_lines_count_from_where_the_editor_shows_them(draw):
    with pytest.raises(nbpipe.SceneError, match="line 12, column 9: "):
        draw(Shader("\nfloat a=nonsense;\n" + image("1"), first_line=11))


def test_what_is_missing_at_the_end_is_said_to_be_there(draw):
    with pytest.raises(nbpipe.SceneError, match=r"after line 3, the last: error: .*; perhaps a \}, \) or ; is"):
        draw(Shader("void mainImage(out vec4 c, in vec2 p) {\nc = vec4(1);\n\n", first_line=2))


def test_source_must_be_text():
    with pytest.raises(TypeError, match="string of GLSL, not bytes"):
        Shader(b"void main() {}")


def test_a_shader_can_be_recorded_again(tmp_path):
    shader = Shader(image("texelFetch(iChannel0, ivec2(0), 0).r"), iChannel0=np.full((1, 1), 255, np.uint8))
    for name in ("a.mp4", "b.mp4"):
        nbpipe.record(shader, name, size=(64, 64), frames=2)
        assert (brightness(name) > 230).all()


def brightness(path):
    """Every frame's luma, one array."""
    with av.open(str(path)) as video:
        return np.array([luma(frame) for frame in video.decode(video=0)])


@pytest.mark.parametrize(
    "mess",
    [
        lambda ctx: ctx.enable(moderngl.DEPTH_TEST),
        lambda ctx: ctx.enable(moderngl.CULL_FACE) or setattr(ctx, "cull_face", "front_and_back"),
        lambda ctx: ctx.enable(moderngl.RASTERIZER_DISCARD),
        lambda ctx: setattr(ctx, "wireframe", True),
    ],
    ids=["depth test", "culling", "discard", "wireframe"],
)
def test_what_an_earlier_scene_left_switched_on_does_not_show(ctx, mess):
    nbpipe.record(lambda frame: mess(frame.ctx), "messy.mp4", size=(64, 64), frames=2)
    try:
        nbpipe.record(image("1"), "clean.mp4", size=(64, 64), frames=3)
        assert (brightness("clean.mp4") > 230).all()
    finally:
        ctx.wireframe = False
        ctx.cull_face = "back"
        ctx.enable_only(moderngl.NOTHING)


def test_a_blend_that_an_earlier_scene_left_on_does_not_show(ctx):
    def additive(frame):
        frame.ctx.enable(moderngl.BLEND | moderngl.DEPTH_TEST)
        frame.ctx.blend_func = moderngl.ONE, moderngl.ONE

    nbpipe.record(additive, "messy.mp4", size=(64, 64), frames=2)
    try:
        nbpipe.record(image("0.25"), "clean.mp4", size=(64, 64), frames=8)
        frames = brightness("clean.mp4")
        assert np.ptp(frames) <= 2, "no frame adds to the one before"
    finally:
        ctx.blend_func = moderngl.DEFAULT_BLENDING


def test_a_scene_that_blends_begins_with_moderngls_own_blending(ctx):
    def additive(frame):
        frame.ctx.blend_func = moderngl.ONE, moderngl.ONE

    white = Shader("out vec4 c; void main() { c = vec4(1.0, 1.0, 1.0, 0.0); }")

    class Blended:
        setup, release = white.setup, white.release

        def render(self, frame):
            frame.ctx.enable(moderngl.BLEND)
            white.render(frame)

    nbpipe.record(additive, "messy.mp4", size=(64, 64), frames=1)
    try:
        nbpipe.record(Blended(), "clean.mp4", size=(64, 64), frames=3)
        assert (brightness("clean.mp4") < 20).all(), "what is fully transparent does not show"
    finally:
        ctx.blend_func = moderngl.DEFAULT_BLENDING
        ctx.enable_only(moderngl.NOTHING)


def test_a_depth_test_of_the_users_context_does_not_keep_the_first_picture(own_context):
    with own_context:
        own_context.enable(moderngl.DEPTH_TEST)
        shader = "void mainImage(out vec4 c, in vec2 p) { c = vec4(float(iFrame) / 4.0, 0.0, 0.0, 1.0); }"
        pictures = nbpipe.frames(shader, size=(8, 8), fps=30, frames=3, ctx=own_context)
        assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 64, 128]


def test_a_matrix_is_taken_as_a_camera_gives_it():
    """Its second column's third number, which as numpy sees it lies in row 1."""
    matrix = np.zeros((4, 4), np.float32)
    matrix[1, 2] = 1
    source = "uniform mat4 m; void mainImage(out vec4 c, in vec2 p) { c = vec4(vec3(m[1][2] - m[2][1]), 1.0); }"
    with nbpipe.frames(nbpipe.Shader(source, m=matrix), size=(4, 4), frames=1) as frames:
        assert (next(frames) == 255).all()


def test_a_size_may_be_an_array():
    with nbpipe.frames(lambda frame: None, size=np.array([6, 4]), frames=1) as frames:
        assert next(frames).shape == (4, 6, 4)


def test_an_array_of_floats_is_refused_with_the_way_out():
    with pytest.raises(nbpipe.SceneError, match=r"dtype float64; expected .* \(array\.clip\(0, 1\) \* 255\)\.round"):
        nbpipe.record([np.zeros((4, 4, 3))], "out.mp4")


def test_what_the_driver_says_twice_is_said_once(draw):
    with pytest.raises(nbpipe.SceneError) as caught:
        draw("void mainImage(out vec4 c, in vec2 p) { c = vec4(1.0 + nope(p) + nope(p)); }")
    places = [line for line in str(caught.value).split("\n") if line.startswith("line ")]
    assert len(places) == len(set(places)) > 1
