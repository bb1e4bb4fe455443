"""The file a video ends up in, and the partial file beside it that it is made in.

A video is made under a hidden name in the target's own directory and renamed over the target only when it is
whole, so that no one ever sees half a file under the target's name and a failed run never touches an older,
good one. What is kept of a failed run gets a name that is not hidden, for a notebook's file browser shows no others. Of
two that this process makes at once, neither may have the other's name: the one that ends first would be lost. Any
thread; knows only paths.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import weakref
from pathlib import Path

_NAME_LIMIT = 255  # bytes of a file name, on every file system in common use

_under_way: weakref.WeakValueDictionary[Path, Target] = weakref.WeakValueDictionary()  # from `create` to the end


class Target:
    """Where a video will be.

    Parameters
    ----------
    path : str or os.PathLike
        Resolved against the current directory once, here.

    Raises
    ------
    TypeError, FileNotFoundError, NotADirectoryError, PermissionError, ValueError
        The directory is not there or not writable, or something that is no plain file has the name, or a video that is
        being made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
            msg = f"path must be a string or a Path, not {path!r}"
            raise TypeError(msg)
        self.path = _absolute(os.path.expanduser(path))
        folder = self.path.parent
        if not self.path.name or "\0" in str(self.path):
            msg = f"path must name a file, not {str(path)!r}"
            raise ValueError(msg)
        if not os.path.isdir(folder):
            if os.path.exists(folder):
                msg = f"path {str(path)!r}: {str(folder)!r} is not a directory"
                raise NotADirectoryError(msg)
            msg = f"path {str(path)!r}: there is no directory {str(folder)!r}; make it first"
            raise FileNotFoundError(msg)
        if len(os.fsencode(self.path.name)) > _NAME_LIMIT:
            msg = f"path: the file name has more than {_NAME_LIMIT} bytes"
            raise ValueError(msg)
        if not os.access(folder, os.W_OK | os.X_OK):
            msg = f"path {str(path)!r}: the directory {str(folder)!r} is not writable"
            raise PermissionError(msg)
        if os.path.isdir(self.path):  # as '' is, which means the current one
            msg = f"path must name a file, such as 'out.mp4', and {str(path)!r} is a directory"
            raise ValueError(msg)
        if os.path.lexists(self.path) and not self.path.is_file():
            what = "is no plain file:" if self.path.exists() else "is a link to nothing: remove it, or"
            msg = f"path {str(path)!r} {what} give another name"
            raise ValueError(msg)
        self._place = _place(self.path)
        self._check_free()
        self._made = self._publishing = False
        self.partial = self._hidden = self._beside(".", f".{secrets.token_hex(3)}.partial")

    def create(self) -> None:
        """Make the empty partial file; fails rather than follow or replace anything that is there."""
        self._check_free()
        self._made = True
        try:
            os.close(os.open(self.partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
        except FileExistsError:
            self._made = False  # by somebody else
            raise
        _under_way[self._place] = self

    def publish(self) -> None:
        """Put the finished file under its name, in one step; again does nothing, so that it may be interrupted.

        Raises
        ------
        OSError
            It cannot be renamed, or is not there any more.
        """
        again, self._publishing = self._publishing, True
        if not again or self.partial.exists():
            try:
                os.replace(self.partial, self.path)
            except FileNotFoundError:
                msg = f"{self.partial} is gone: something removed it while it was being made; record it again"
                raise FileNotFoundError(msg) from None
        self.leave()

    def keep(self) -> Path:
        """Give the partial file a name that can be seen and that nothing had, ``out.partial.mp4`` …, and return it.

        Again changes nothing, so that it may be interrupted. Where the file system knows no second names for a file, it
        keeps its hidden one.
        """
        for number in itertools.count(1):
            shown = self._beside("", f".partial-{number}" if number > 1 else ".partial")
            try:
                os.link(self.partial, shown)
            except FileExistsError:
                if not (shown.exists() and shown.samefile(self.partial)):  # a link to nothing is there and is no file
                    continue
            except OSError:
                break
            self.partial = shown
            break
        if self.partial != self._hidden:
            self._hidden.unlink(missing_ok=True)
        self.leave()
        return self.partial

    def _beside(self, head: str, tail: str) -> Path:
        """Return the path with as much of its name as fits between `head` and `tail`."""
        tail += self.path.suffix
        stem = os.fsencode(self.path.stem)[: _NAME_LIMIT - len(os.fsencode(head + tail))]
        return self.path.parent / f"{head}{stem.decode(errors='ignore')}{tail}"

    def discard(self) -> None:
        """Remove the partial file, if `create` has made one."""
        if self._made:
            with contextlib.suppress(FileNotFoundError):
                self.partial.unlink()
        self.leave()

    def leave(self) -> None:
        """Make no more of it: another one may have the name."""
        if _under_way.get(self._place) is self:
            del _under_way[self._place]

    def _check_free(self) -> None:
        if _under_way.get(self._place, self) is not self:
            msg = f"path {str(self.path)!r} is being recorded already; wait for that, stop it, or name another file"
            raise ValueError(msg)


def is_free(path: Path) -> bool:
    """Whether nothing has this name, nor will have it when what is being made now is done."""
    return not path.exists() and _place(_absolute(path)) not in _under_way


def _absolute(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(os.path.abspath(path))
    except FileNotFoundError:
        msg = f"path {str(path)!r}: the current directory is gone; change to another one, or give a whole path"
        raise FileNotFoundError(msg) from None


def _place(path: Path) -> Path:
    """Return what two paths of one file have in common, though the file is yet to come."""
    return Path(os.path.realpath(path.parent)) / path.name
