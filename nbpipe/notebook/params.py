"""The parameters of a scene as traits: ``view.params.speed``, to be set, observed and linked like any widget's.

Owns an object whose traits are a scene's parameters, each checked by the parameter itself. A change that comes from a
browser goes the same way as one from Python, so an observer sees both. When another scene comes, as with each version
of a shader that somebody is writing, the object stays, and so do links and observers. Render thread. Knows no scene: it
is given the parameters.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import traitlets as t

from nbpipe.errors import folded


class Parameter(Protocol):
    """One value that a person may change."""

    @property
    def value(self) -> Any:
        """What it starts with."""

    def checked(self, value: object) -> Any:
        """Return `value` in the right type, or raise `TypeError` or `ValueError`."""

    def clamped(self, value: object) -> Any | None:
        """Return the nearest allowed value for what a browser sent, or ``None``."""

    def spec(self, value: object) -> dict[str, Any]:
        """Return what a browser must know to show it with this value."""


class Params(t.HasTraits):
    """The parameters of a scene; each is a trait of its name.

    Setting one outside its range or of another type raises `traitlets.TraitError`, and so does a name that the scene
    does not have.
    """

    def __init__(self, changed: Callable[[str, Any], None]) -> None:
        super().__init__()
        self._parameters: dict[str, Parameter] = {}
        self.observe(lambda change: changed(change.name, change.new))

    def define(self, parameters: Mapping[str, Parameter]) -> None:
        """Let the traits be these from now on; who observes one that stays goes on, and hears if its value changes."""
        self._parameters = dict(parameters)
        # As `add_traits` does, which could not take one away.
        traits = {name: _Checked(parameter) for name, parameter in parameters.items()}
        self.__class__ = type(Params.__name__, (Params,), {"__module__": Params.__module__, **traits})
        with contextlib.ExitStack() as rest:  # an observer may raise
            for name, parameter in reversed(list(parameters.items())):
                rest.callback(setattr, self, name, parameter.value)

    @folded
    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not self.has_trait(name):
            known = ", ".join(self._parameters) or "none"
            msg = f"the scene has no parameter {name!r} (it has: {known})"
            raise t.TraitError(msg)
        super().__setattr__(name, value)

    def hear(self, name: object, value: object) -> bool:
        """Set what a browser has sent, brought into its range; whether it made sense."""
        parameter = self._parameters.get(name) if isinstance(name, str) else None
        clamped = None if parameter is None else parameter.clamped(value)
        if clamped is None:
            return False
        setattr(self, str(name), clamped)
        return True

    def values(self) -> dict[str, Any]:
        """Return what every parameter is now."""
        return {name: getattr(self, name) for name in self._parameters}

    def specs(self) -> list[dict[str, Any]]:
        """Return what a browser must know to show them."""
        return [parameter.spec(getattr(self, name)) for name, parameter in self._parameters.items()]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._parameters]

    def __repr__(self) -> str:
        return f"<Params {', '.join(f'{name}={value!r}' for name, value in self.values().items())}>"


class _Checked(t.TraitType[Any, Any]):
    """A trait that takes what its parameter takes."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(default_value=parameter.value)
        self._parameter = parameter

    def validate(self, _: object, value: object) -> Any:
        """Return the value in its right type."""
        try:
            return self._parameter.checked(value)
        except (TypeError, ValueError) as error:
            raise t.TraitError(str(error)) from None
