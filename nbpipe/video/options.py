"""Further options of FFmpeg: which of them a person may give for the output.

Those that would undo what nbpipe promises, of colours, of the count of frames or of where the file goes, are refused,
and so is what FFmpeg would take for a second output. Any thread. Knows options by their names alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# The input, the output, its colours, the count of its frames.
_REFUSED = frozenset(
    "i y n f c codec vcodec vf filter filter_complex lavfi map s r pix_fmt pixel_format progress stats_period "
    "protocol_whitelist protocol_blacklist movflags frames vframes t to ss fps_mode vsync report loglevel v "
    "enc_time_base color_range colorspace color_primaries color_trc attach dump_attachment bsf vbsf "
    "video_track_timescale avoid_negative_ts".split()
)
# The same, said within the value of another option: -x264-params colormatrix=…
_SPOILS = re.compile(
    r"(^|[:,=\s])(colou?r[-_]?(matrix|prim|range)|transfer|(full)?range|matrix[-_]coefficients)[a-z_-]*\s*="
)
# FFmpeg's options without a value (ffmpeg -h full, 9.0). Whatever follows any other option is that option's value;
# a word that follows one of these would be a second output file.
_FLAGS = frozenset(
    "an sn dn vn shortest bitexact xerror copyts start_at_zero hide_banner stats benchmark benchmark_all stdin dump "
    "hex vstats debug_ts ignore_unknown copy_unknown recast_media copyinkf copypriorss auto_conversion_filters "
    "autorotate autoscale apply_cropping force_fps accurate_seek seek_timestamp find_stream_info fix_sub_duration "
    "print_graphs display_hflip display_vflip".split()
)


def checked_options(params: Sequence[str]) -> tuple[str, ...]:
    """Return the options as a tuple. Raises `TypeError` and `ValueError`, with what is allowed."""
    if isinstance(params, str) or not isinstance(params, Sequence) or not all(isinstance(p, str) for p in params):
        msg = f"ffmpeg_params must be a list of strings such as ['-tune', 'animation'], not {params!r}"
        raise TypeError(msg)
    takes_value = False
    for param in params:
        is_option = re.match(r"-[A-Za-z]", param) is not None
        name = param[1:].partition(":")[0] if is_option else ""
        if is_option and name in _REFUSED:
            why = (
                "nbpipe writes the file so that a crash leaves one that plays; to have its index at the front, run "
                "ffmpeg -i out.mp4 -c copy -movflags +faststart web.mp4 when it is done"
                if name == "movflags"
                else "nbpipe sets it itself (use codec=, size=, fps= …)"
            )
            msg = f"ffmpeg_params may not contain {param!r}: {why}"
            raise ValueError(msg)
        if takes_value and _SPOILS.search(param):
            msg = f"ffmpeg_params may not contain {param!r}: nbpipe sets colours and timestamps itself"
            raise ValueError(msg)
        if not is_option and not takes_value:
            msg = f"ffmpeg_params has the value {param!r} without an option before it"
            raise ValueError(msg)
        takes_value = is_option and name not in _FLAGS and name.removeprefix("no") not in _FLAGS
    if takes_value:
        msg = f"ffmpeg_params ends with {params[-1]!r}, which needs a value after it"
        raise ValueError(msg)
    return tuple(params)
