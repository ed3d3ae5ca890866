"""Which file of a folder is an image of which class and part, however that was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.data.class_names import by_number


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The images of a folder, by their names.

    Attributes:
        files: one path an image, relative to the folder, with "/".
        parts: for each file "train", "test" or "validation"; "" where the folder has no parts.
        classes: for each file the number of its class.
        class_names: K names of folders in the order of their text, as Keras has them; those without an image too.
        notes: sentences about what was understood and what was left out.
        numbered: whether the names of the classes are labels that are numbers, and so say nothing.
        lacking: of a part that is there and has no image, why.
    """

    files: tuple[str, ...]
    parts: tuple[str, ...]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    numbered: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)


def order_notes(names: list[str]) -> Iterator[str]:
    """A network may have been trained on classes in the order of their numbers."""
    numbered = by_number(names)
    if names != numbered:
        first = next(place for place, (one, other) in enumerate(zip(names, numbered, strict=True)) if one != other)
        yield (
            f"classes are in the order of their text, as Keras' image_dataset_from_directory has them (class {first} "
            f"is {names[first]}); for a model trained in the order of numbers (class {first} is {numbered[first]}) "
            "pass the class names in that order"
        )


def only_seen(found: Sequence[tuple[str, str]], names: list[str]) -> Iterator[str]:
    """Classes that one part lacks, of (part, class) of each image."""
    there: dict[str, set[str]] = {}
    for part, name in found:
        there.setdefault(part, set()).add(name)
    anywhere = {name for _, name in found}
    for part in ("train", "test", "validation"):
        if lacking := [name for name in names if name in anywhere and name not in there.get(part, names)]:
            shows = ", ".join(lacking[:5]) + (" …" if len(lacking) > 5 else "")
            yield f"{len(lacking)} {'class has' if len(lacking) == 1 else 'classes have'} no {part} image: {shows}"
