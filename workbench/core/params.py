"""Parameters of an analysis or a method: one model defines the CLI, the widgets and the cache key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from workbench.core.errors import WorkbenchError, unknown

ParamsT = TypeVar("ParamsT", bound=BaseModel)
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A seed that every library takes."""
LARGEST = 2**32 - 1
"""Whole numbers of parameters lie within it, in magnitude: no library counts further in every place."""


@dataclass(frozen=True)
class ChooseFrom:
    """Mark a text parameter whose options only the session knows.

    `what` is "layers" (spatial layers of the model), "classes" (class names) or "explainers".
    Used as `layer: Annotated[str | None, ChooseFrom("layers")] = None`.
    """

    what: Literal["layers", "classes", "explainers"]


@dataclass(frozen=True)
class OnlyWith:
    """Mark a parameter that has an effect only with certain values of another one, of which `value` is one.

    Used as `gamma: Annotated[float, Field(…), OnlyWith("composite", "epsilon-gamma-box")] = 0.25`.
    """

    name: str
    value: Any


class Params(BaseModel):
    """Base of all parameter models: frozen, every field has a default, unknown names are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        kinds = _members(cls.model_fields[str(info.field_name)].annotation)
        parts = value if isinstance(value, (list, tuple)) else (value,)
        if parts is value:
            kinds = [kind for each in kinds for inner in get_args(each) if inner is not ... for kind in _members(inner)]
        truth = next((each for each in parts if isinstance(each, bool)), None)
        if truth is not None and kinds and not {bool, Any}.intersection(kinds):  # pydantic would take true for 1
            raise WorkbenchError(f"`{info.field_name}` must be {_called(kinds)}. Got {truth}.")
        return value

    @field_validator("*")
    @classmethod
    def _countable(cls, value: Any, info: ValidationInfo) -> Any:
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, int) and abs(each) > LARGEST:
                got = f"{each:.4g}" if abs(each) < 2**1000 else "a number of hundreds of digits"
                raise WorkbenchError(f"`{info.field_name}` must lie within ±{LARGEST}. Got {got}.")
        return value

    @property
    def key(self) -> str:
        """The values as canonical JSON; equal values give equal keys, in this and in any later process."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


class Named(Params):
    """Parameters of something that has its own module, and its name.

    Attributes:
        name: CLI name, the module's name with `-`.
    """

    name: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.name = cls.__module__.rpartition(".")[2].replace("_", "-")

    @classmethod
    def summary(cls) -> str:
        """First line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter as the surfaces see it.

    Attributes:
        kind: `int`, `float`, `bool` or `str`.
        optional: whether `None` is a value ("let the workbench choose").
        low, high: the allowed range, both included; None where there is no bound.
        options: the fixed choices; empty where there are none.
        choose_from: what the session offers ("layers", "classes", "explainers"); empty where nothing.
        many: whether it takes a tuple of values.
        needs: values of other parameters with which it has an effect, where it has none with others.
    """

    name: str
    kind: type
    default: Any
    help: str
    optional: bool = False
    low: float | None = None
    high: float | None = None
    options: tuple[str, ...] = ()
    choose_from: str = ""
    many: bool = False
    needs: Mapping[str, Any] = field(default_factory=dict)


def describe(params: type[BaseModel]) -> Iterator[Parameter]:
    """Yield one `Parameter` for each field of `params`, in the order of the class.

    Raises:
        TypeError: if a field has no default, so that the analysis would not run bare.
    """
    for name, info in params.model_fields.items():
        if info.is_required():
            raise TypeError(f"{params.__qualname__}.{name} needs a default, so that everything runs bare.")
        kind, optional, many = _unwrap(info.annotation)
        options: tuple[str, ...] = ()
        if get_origin(kind) is Literal:
            options, kind = tuple(str(option) for option in get_args(kind)), str
        bounds = {
            key: getattr(mark, key) for mark in info.metadata for key in ("ge", "le", "gt", "lt") if hasattr(mark, key)
        }
        chosen = next((mark.what for mark in info.metadata if isinstance(mark, ChooseFrom)), "")
        yield Parameter(
            name=name,
            kind=kind,
            default=info.get_default(call_default_factory=True),
            help=info.description or "",
            optional=optional,
            low=bounds.get("ge", bounds.get("gt")),
            high=bounds.get("le", bounds.get("lt")),
            options=options,
            choose_from=chosen,
            many=many,
            needs={mark.name: mark.value for mark in info.metadata if isinstance(mark, OnlyWith)},
        )


def make(params: type[ParamsT], values: Mapping[str, Any]) -> ParamsT:
    """Build `params` from `values`; text is read as the field's type, and that of a tuple is split at its commas.

    Raises:
        WorkbenchError: if a name is unknown or a value does not fit, in one sentence.
    """
    for name in values:
        if name not in params.model_fields:
            raise unknown("parameter", name, params.model_fields)
    many = {name for name, info in params.model_fields.items() if _unwrap(info.annotation)[2]}
    read = {name: _parts(value) if name in many and isinstance(value, str) else value for name, value in values.items()}
    try:
        return params.model_validate(read)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, WorkbenchError):  # a rule over several parameters
            raise cause from None
        name = ".".join(str(part) for part in first["loc"][:1]) or "parameters"
        field = params.model_fields.get(name)
        several = field is not None and len(first["loc"]) > 1 and first["loc"][1] in TYPES  # of a union, its first
        wanted = _called(_members(field.annotation)) if field is not None and several else _requirement(first)
        raise WorkbenchError(f"`{name}` must be {wanted}. Got {first['input']!r}.") from None


BOUNDS = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "an object",
    "finite": "finite",
    "missing": "given",
}


def _requirement(error: Any) -> str:
    """Return what a value must be, from pydantic's description of what is wrong with it."""
    context = error.get("ctx", {})
    bound = next((f"{words} {context[key]:g}" for key, words in BOUNDS.items() if key in context), None)
    if bound is not None:
        return bound
    if error["type"] == "literal_error":
        return f"one of {context['expected']}".replace(" or ", ", ")
    default = str(error["msg"]).removeprefix("Input should be ")
    return TYPES.get(str(error["type"]).partition("_")[0], default)


def _members(annotation: Any) -> list[Any]:
    """Return the kinds of value that an annotation joins, without None."""
    joined = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    bare = [get_args(each)[0] if get_origin(each) is Annotated else each for each in joined]
    return [each for each in bare if each is not NoneType]


def _called(kinds: Sequence[Any]) -> str:
    """Write kinds of value as words: "a whole number", "text or a whole number"."""
    words = list[str]()
    for kind in kinds:
        name = getattr(get_origin(kind) or kind, "__name__", str(kind))
        fixed = get_origin(kind) is Literal
        words.append("one of " + ", ".join(map(repr, get_args(kind))) if fixed else TYPES.get(name, name))
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _unwrap(annotation: Any) -> tuple[Any, bool, bool]:
    """Return the plain type below `X | None` and `tuple[X, ...]`, and whether each was there."""
    optional = many = False
    if get_origin(annotation) in (Union, UnionType):
        inner = [arg for arg in get_args(annotation) if arg is not NoneType]
        optional, annotation = len(inner) < len(get_args(annotation)), inner[0]
    if get_origin(annotation) is tuple:
        many, annotation = True, get_args(annotation)[0]
    return annotation, optional, many
