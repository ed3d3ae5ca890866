"""Folders -> which file is an image of which class and part; decided by what the names of folders mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from workbench.core.errors import WorkbenchError
from workbench.core.wording import join_names, plural
from workbench.data.class_names import AS_IN_KERAS
from workbench.data.folder.layout import Layout, only_seen, order_notes
from workbench.data.folder.part_words import part_and_rest, part_of
from workbench.data.folder.tree import FOLLOW, Place, Tree, look_through, printable

EXAMPLE = "FOLDER/CLASS/image.jpg, or FOLDER/train/CLASS/image.jpg and FOLDER/test/CLASS/image.jpg"
ORDER = ("train", "validation", "test")
WORDS = {"train": "training", "validation": "validation", "test": "test"}
_PICTURES = "image images img imgs pic pics picture pictures photo photos jpegimages"
_BESIDE = "annotation annotations label labels mask masks trimap trimaps xml xmls json metadata ground_truth"
PICTURES, BESIDE = frozenset(_PICTURES.split()), frozenset(_BESIDE.split())
"""What lies beside a folder of images and holds no class, in lower case: a class may be called mask, but not then."""
EMPTY = 20
"""Folders without images that are named one by one."""
ALIKE = 0.5
"""Share of sub-folders that two folders have in common, from which on they may be parts as well as classes."""


def lay_out(folder: Path, names: Sequence[Collection[str]] = ()) -> Layout:
    """Find the images below a folder: one sub-folder a class, perhaps below one folder a part.

    Hidden and system folders are not looked at. One folder around classes or parts is gone through.

    Args:
        folder: the folder.
        names: class names that are known from elsewhere; they decide where folders may be parts or classes, and whether
            an empty folder is a class.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it does not hold images of at least two classes in folders, or can be read in two ways.
    """
    return lay_out_tree(folder, look_through(folder), names)


def lay_out_tree(folder: Path, tree: Tree, names: Sequence[Collection[str]] = ()) -> Layout:
    """Do what `lay_out` does with a folder that was looked through already."""
    reader = _Reader(folder, tree, tuple(frozenset(each) for each in names if each))
    reader.read(tree.top)
    return reader.layout()


@dataclass
class _Reader:
    """Understands one folder.

    Attributes:
        found: (path, part, class) of each image, the class as the file system has it.
        empty: classes of which no part has an image.
        left: how many images are left out, by where they lie.
        aside: a sentence for each folder of images beside the parts, by its path.
    """

    folder: Path
    tree: Tree
    names: tuple[frozenset[str], ...]
    found: list[tuple[str, str, str]] = field(default_factory=list)
    empty: list[Place] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    aside: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def read(self, top: Place) -> None:
        """Find classes and parts."""
        place = self._inside(top)
        full = place.full
        self._leave(place)
        if self._parts_in_classes(full):
            self._take_turned(full, list(place.places.values()))
        elif fused := self._fused(full):
            self._take_fused(fused)
        elif parts := self._parts(full):
            self._take_parts(parts)
            taken = {path.removeprefix(place.path) for place in parts for path in place.files()}
            taken |= {path.removeprefix(place.path) for path, _, _ in self.found}
            for each in full:
                if each not in parts:
                    copied = all(_below_part(path.removeprefix(each.path)) in taken for path in each.files())
                    why = "a second copy of the same folders" if copied else "not in one of the parts"
                    self.aside[each.path] = f"{plural(each.count, 'image')} in {printable(each.path)} skipped: {why}"
            bare = [each for each in place.places.values() if not each.count and part_of(each.name)]
            self.notes += [f"{printable(each.name)}/ {each.bare}" for each in bare]
        else:
            place = self._without_annotations(place)
            copies = self._copies(full)  # the tree may be asked again, and stays as it is
            place = replace(place, places={name: each for name, each in place.places.items() if each not in copies})
            for copy in copies:
                self.aside[copy.path] = (
                    f"{plural(copy.count, 'image')} in {printable(copy.path)} skipped: a second copy of the class "
                    "folders beside it, which Keras' readers take for a class; name the classes if the model has it"
                )
            self._take_classes({"": [place]})

    def layout(self) -> Layout:
        """Give what was found.

        Raises:
            WorkbenchError: if there are fewer than two classes.
        """
        spelled = self._spelling()
        raw = sorted({spelled.get(name, name) for _, _, name in self.found} | {each.name for each in self.empty})
        classes = list(dict.fromkeys(printable(name) for name in raw))
        known = any(set(classes) <= names for names in self.names)
        if len(classes) < 2 or (len(classes) - len(self.empty) < 2 and not known):
            self._refuse(len(classes) - len(self.empty))
        number = {name: place for place, name in enumerate(classes)}
        return Layout(
            files=tuple(path for path, _, _ in self.found),
            parts=tuple(part for _, part, _ in self.found),
            classes=tuple(number[printable(spelled.get(name, name))] for _, _, name in self.found),
            class_names=tuple(classes),
            notes=(
                *self.notes,
                *(_left_out(self.left)),
                *self.aside.values(),
                *self.tree.notes(),
                *(f"{printable(each.name)}/ {each.bare}; {AS_IN_KERAS}" for each in self.empty[:EMPTY]),
                *_more(len(self.empty) - EMPTY),
                *order_notes(classes),
                *only_seen([(part, printable(spelled.get(name, name))) for _, part, name in self.found], classes),
            ),
        )

    # How folders are understood

    def _inside(self, place: Place) -> Place:
        """Go through folders that hold all there is, and through one of images beside annotations."""
        start = place
        while not place.images:
            full = place.full
            inner = full[0] if len(full) == 1 else self._pictures(full)
            if inner is None or not inner.full or self._are_known([inner]):
                break  # a class, or several
            within = [part_of(each.name) for each in inner.full]
            if part_of(inner.name) and not (len(within) > 1 and all(within)):
                break  # the only part
            self.left.update({each.path: each.count for each in full if each is not inner})
            place = inner
        if place is not start:
            self.notes.append(f"read from {printable(place.path)}, the one folder that holds everything")
        return place

    def _pictures(self, full: list[Place]) -> Place | None:
        """The folder of images among folders of which the others hold annotations or masks."""
        pictures = [each for each in full if each.name.casefold() in PICTURES]
        others = [each for each in full if each not in pictures]
        return pictures[0] if len(pictures) == 1 and all(o.name.casefold() in BESIDE for o in others) else None

    def _without_annotations(self, place: Place) -> Place:
        """Refuse images beside annotations, of which neither is a class."""
        if (pictures := self._pictures(place.full)) and len(place.full) > 1:
            others = [each for each in place.full if each is not pictures]
            raise WorkbenchError(
                f"{self.folder}: {printable(pictures.path)} holds images and {_quoted(others)} what belongs to them; "
                f"there is no class folder. Make one folder per class ({EXAMPLE}), or give a labels.csv with the "
                "columns file,label."
            )
        return place

    def _parts(self, full: list[Place]) -> dict[Place, str]:
        """Folders that are parts, and which; none if they are classes.

        Raises:
            WorkbenchError: if they may be either, or hold no classes.
        """
        split = {each: part_and_rest(each.name) for each in full}
        said = {each: part_of(each.name) for each in full}
        if len({part for part, _ in split.values()} - {""}) == len(full) and len({r for _, r in split.values()}) == 1:
            said = {each: part for each, (part, _) in split.items()}  # Final_Training and Final_Test
        with_folders = [each for each in full if said[each] and each.full]
        flat = [each for each in full if said[each] and not each.full]
        others = [each for each in full if not said[each]]
        if self._are_known(full):
            return {}
        kinds = {said[each] for each in with_folders}
        if len(kinds) > 1 or (kinds and not others) or (kinds and self._are_known(with_folders[0].full)):
            return {each: said[each] for each in with_folders}
        if kinds:
            self._doubt(
                f"{_quoted(with_folders)} {'has' if len(with_folders) == 1 else 'have'} a part's name and folders of "
                f"images inside, but {_quoted(others)} beside it {'has' if len(others) == 1 else 'have'} none",
                full,
                with_folders[0].full,
            )
        if len({said[each] for each in flat}) > 1:
            raise WorkbenchError(
                f"{self.folder} holds images directly in {_quoted(flat)}, with no class folders in them. Make one "
                f"folder per class ({EXAMPLE}), or give a labels.csv with the columns file,label."
            )
        return self._same_inside(full)

    def _same_inside(self, full: list[Place]) -> dict[Place, str]:
        """Parts, where all folders hold the same classes and one word each says which part; none if they do not."""
        sets = [{each.name for each in place.full} for place in full]
        if len(full) < 2 or any(len(inside) < 2 for inside in sets) or any(place.images for place in full):
            return {}
        common, every = set.intersection(*sets), set.union(*sets)
        if len(common) < 2 or len(common) < ALIKE * len(every):
            return {}
        words = {place: part_and_rest(place.name)[0] for place in full}
        if all(words.values()) and len(set(words.values())) > 1:
            return words
        if self._are_known(full[0].full):
            self.notes.append(f"{_quoted(full)} hold the same classes and are read as one")
            return dict.fromkeys(full, "")
        return self._doubt(f"{_quoted(full)} hold the same sub-folders ({_quoted(full[0].full)})", full, full[0].full)

    def _parts_in_classes(self, full: list[Place]) -> bool:
        """Whether each folder is a class, and holds nothing but parts: CLASS/train, CLASS/test."""
        if len(full) < 2 or all(part_of(each.name) for each in full):
            return False
        inner = [[part_of(each.name) for each in place.full] for place in full]
        if any(place.images for place in full) or not all(each and all(each) for each in inner):
            return False
        return len({part for each in inner for part in each}) > 1

    def _copies(self, full: list[Place]) -> list[Place]:
        """Folders that hold nothing but the classes beside them once more: PlantVillage/PlantVillage."""
        found = []
        for each in full:
            inside, beside = {inner.name for inner in each.full}, {other.name for other in full if other is not each}
            known = any(printable(each.name) in names for names in self.names)
            if len(inside) > 1 and inside <= beside and not each.images and not known:
                found.append(each)
        return found if len(full) - len(found) > 1 else []

    def _fused(self, full: list[Place]) -> dict[Place, tuple[str, str]]:
        """Folders that are a part and a class in one name: train_cats, train_dogs, test_cats, test_dogs."""
        split = {place: part_and_rest(place.name) for place in full if place.images}
        by_part: dict[str, set[str]] = {}
        for part, rest in split.values():
            by_part.setdefault(part, set()).add(rest)
        sets = list(by_part.values())
        if len(split) < len(full) or "" in by_part or len(sets) < 2 or self._are_known(full):
            return {}
        return split if len(sets[0]) > 1 and "" not in sets[0] and all(each == sets[0] for each in sets) else {}

    def _are_known(self, places: list[Place]) -> bool:
        """Whether all of these are names of classes that are known from elsewhere."""
        own = {printable(each.name) for each in places}
        return any(own <= names for names in self.names)

    # How images are taken

    def _take_parts(self, parts: dict[Place, str]) -> None:
        named: dict[str, list[Place]] = {}
        classes = {place: {each.name for each in place.full} for place in parts}
        for place, part in parts.items():
            # One folder in each part is none of several classes, but around them.
            several = (inside for other, inside in classes.items() if other is not place and len(inside) > 1)
            elsewhere = set[str]().union(*several)
            named.setdefault(part, []).append(self._unwrapped(place, elsewhere))
        told = [(place, part) for place, part in parts.items() if part and place.name.casefold() not in (part, "val")]
        if told:
            what = [f"{printable(place.name)}/ is the {WORDS[part]} part" for place, part in told]
            self.notes.append(join_names(what, 8))
        for inner in [each for places in named.values() for each in places]:
            self._leave(inner)
        self._take_classes(named)

    def _unwrapped(self, place: Place, elsewhere: set[str]) -> Place:
        """Go through one folder inside a part: seg_train/seg_train, train/images."""
        while not place.images:
            inner = place.full[0] if len(place.full) == 1 else self._pictures(place.full)
            if inner is None or not inner.full or inner.images or self._are_known([inner]):
                break
            if inner.name in elsewhere and not part_of(inner.name):
                break  # a class of other parts too
            self.notes.append(f"read from {printable(inner.path)}, the one folder that holds all of its part")
            place = inner
        return self._without_annotations(place)

    def _take_classes(self, named: dict[str, list[Place]]) -> None:
        """Take every folder in the given places for a class."""
        full: set[str] = set()
        for part, places in named.items():
            for place in places:
                for each in place.full:
                    if part and self._unsorted(each, place, named):
                        self.left[each.path] += each.count
                    else:
                        self.found += [(path, part, each.name) for path in each.files()]
                        full.add(each.name)
        bare = {each.name: each for places in named.values() for place in places for each in place.places.values()}
        self.empty += [each for each in bare.values() if each.name not in full and self._counts(each, full)]

    def _unsorted(self, each: Place, place: Place, named: dict[str, list[Place]]) -> bool:
        """Whether it is all images of a part in one folder, while other parts have classes: val/images."""
        around = [other for places in named.values() for other in places if other is not place]
        # Of parts with several folders alone: in tiny-imagenet-200 the test part is flat as the validation part is.
        others = {name for other in around if len(other.places) > 1 for name in other.places}
        flat = each.name.casefold() in PICTURES and not each.full and len(place.full) == 1
        return flat and len(others) > 1 and each.name not in others

    def _counts(self, bare: Place, full: set[str]) -> bool:
        """Whether a folder without images is a class: as in Keras, unless known names are as many as the others."""
        name, others = printable(bare.name), {printable(each) for each in full}
        if bare.count:
            return False
        if any(others <= names and name not in names for names in self.names) or any(
            len(names) == len(others) and name not in names for names in self.names
        ):
            self.notes.append(f"{name}/ {bare.bare}; it is not among the given class names")
            return False
        return True

    def _take_turned(self, full: list[Place], places: list[Place]) -> None:
        self.notes.append(f"each class has folders for its parts: {printable(full[0].path)}{full[0].full[0].name}/")
        for place in full:
            for inner in place.full:
                self.found += [(path, part_of(inner.name), place.name) for path in inner.files()]
        names = {place.name for place in full}
        self.empty += [each for each in places if self._counts(each, names)]

    def _take_fused(self, fused: dict[Place, tuple[str, str]]) -> None:
        one, (part, name) = next(iter(fused.items()))
        self.notes.append(
            f"a folder's name is its part and its class: {printable(one.name)}/ is the {WORDS[part]} part of {name}"
        )
        for place, (part, name) in fused.items():
            self.found += [(path, part, name) for path in place.files()]

    def _leave(self, place: Place) -> None:
        if place.images:
            self.left[place.path] += len(place.images)

    def _spelling(self) -> dict[str, str]:
        """Classes that parts spell with other capitals -> as the first part has them; none where one part has both."""
        by_part: dict[str, dict[str, str]] = {}
        for _, part, name in self.found:
            mine = by_part.setdefault(part, {})
            if mine.setdefault(name.casefold(), name) != name:
                return {}
        first: dict[str, str] = {}
        for part in sorted(by_part, key=(*ORDER, "").index):
            for folded, name in by_part[part].items():
                first.setdefault(folded, name)
        other = {n: first[f] for mine in by_part.values() for f, n in mine.items() if n != first[f]}
        if other:
            pairs = [f"{printable(name)} is {printable(own)}" for name, own in other.items()]
            self.notes.append(f"parts spell classes with other capitals: {join_names(pairs, 5)}")
        return other

    # What cannot be read

    def _doubt(self, why: str, outer: list[Place], inner: list[Place]) -> NoReturn:
        one, other = (",".join(printable(each.name) for each in places[:3]) for places in (outer, inner))
        raise WorkbenchError(
            f"{self.folder}: {why}. Are {_quoted(outer)} classes, or parts with the classes {_quoted(inner)}? Call the "
            f"parts train, validation and test, or name the classes (class names {one}… or {other}…)."
        )

    def _refuse(self, count: int) -> NoReturn:
        top = self.tree.top
        classes = sorted({printable(name) for _, _, name in self.found})
        named = f" ({join_names(classes, 5)})" if classes else ""
        held = f"{plural(top.count, 'image')} in {plural(count, 'class folder')}{named}" if top.count else "no image"
        empty = "".join(f"; {printable(each.name)}/ {each.bare}" for each in self.empty[:5])
        others = f", and {join_names([f'{n:,} {kind}' for kind, n in self.tree.others.most_common()], 6)}"
        outside = f"; {plural(self.tree.outside, 'link')} out of it: {FOLLOW}" if self.tree.outside else ""
        raise WorkbenchError(
            f"{self.folder} must hold images of at least two classes, one folder per class: {EXAMPLE}; or a labels.csv "
            f"with the columns file,label. It holds {held}{others if self.tree.others else ''}{empty}{outside}."
        )


def _quoted(places: Sequence[Place]) -> str:
    return join_names([repr(printable(each.name)) for each in places], 4)


def _below_part(path: str) -> str:
    """A path without the folders down to a part's, and without that: "chest_xray/train/a/0.png" is "a/0.png"."""
    steps = path.split("/")
    first = next((place for place, step in enumerate(steps[:-1]) if part_of(step)), -1)
    return "/".join(steps[first + 1 :])


def _left_out(left: Counter[str]) -> Iterator[str]:
    for path, count in sorted(left.items()):
        where = printable(path.rstrip("/")) or "the folder itself"
        yield f"{plural(count, 'image')} in {where} skipped: not in a class folder"


def _more(count: int) -> list[str]:
    are = "is such a class" if count == 1 else "are such classes"
    return [f"{plural(count, 'more folder')} {are}"] if count > 0 else []
