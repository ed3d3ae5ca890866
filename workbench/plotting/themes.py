"""A figure for a dark page: the same drawing, with its paper, its inks and the colours that mean something changed."""

from __future__ import annotations

from colorsys import hls_to_rgb, rgb_to_hls
from typing import TYPE_CHECKING, Any, Literal

from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, VERDICT_COLOURS
from workbench.plotting.pieces import FAINT, INK, QUIET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Theme = Literal["light", "dark"]
PAPER, DARK_PAPER = "#ffffff", "#161a21"
DARK = {
    PAPER: DARK_PAPER,
    "#000000": "#e6e9ef",
    INK: "#e6e9ef",
    QUIET: "#9aa4b4",
    FAINT: "#282e39",
    "#f8fafc": "#1c212a",  # below a table, where it has no cells
    TRUE_COLOUR: "#2dd4bf",
    PREDICTED_COLOUR: "#fb923c",
    **dict(zip(VERDICT_COLOURS.values(), ("#4ade80", "#fbbf24", "#f97066", "#9aa4b4", "#f97066"), strict=True)),
}
"""Colours on paper -> the same on the page's dark panes."""
TEXT, GRAPHIC = 4.5, 3.0
"""Contrast that text and lines have with the paper, at least: WCAG 2.2, 1.4.3 and 1.4.11."""
Colour = tuple[float, float, float, float]


def themed(figure: Figure, theme: Theme) -> Figure:
    """Exchange the colours of a figure for a theme; what lies on a picture or in a coloured cell stays as it is.

    Returns:
        The same figure.
    """
    if theme == "dark":
        for artist in figure.findobj():
            _darken(artist)
    return figure


def contrast(one: Any, other: Any) -> float:
    """Contrast of two colours, 1 to 21, by WCAG 2.2."""
    first, second = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _darken(artist: Any) -> None:
    from matplotlib.collections import Collection, QuadMesh
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    if isinstance(artist, Text):
        _darken_text(artist)
    elif isinstance(artist, Line2D):
        artist.set_color(_dark(artist.get_color(), GRAPHIC))
        for kind in ("markerfacecolor", "markeredgecolor"):
            colour = getattr(artist, f"get_{kind}")()
            if not isinstance(colour, str) or colour not in ("none", "auto"):
                getattr(artist, f"set_{kind}")(_dark(colour, GRAPHIC))
    elif isinstance(artist, Patch):
        # Their opacity becomes the patch's own, unless they are "none".
        face: Any = artist.get_facecolor()
        edge: Any = artist.get_edgecolor()
        artist.set_facecolor(_dark(face) if face[3] else "none")
        artist.set_edgecolor(_dark(edge) if edge[3] else "none")
    elif isinstance(artist, QuadMesh):
        artist.set_edgecolor([_dark(each) for each in artist.get_edgecolor()])  # the gaps between its cells
    elif isinstance(artist, Collection) and not isinstance(artist, QuadMesh) and artist.get_array() is None:
        artist.set_facecolor([_dark(each) for each in artist.get_facecolor()])
        artist.set_edgecolor([_dark(each) for each in artist.get_edgecolor()])


def _darken_text(text: Any) -> None:
    if not _on_cells(text):
        text.set_color(_readable(_dark(text.get_color(), TEXT), _ground(text)))
    for effect in text.get_path_effects():  # a border around its letters, as the paper is
        drawn = getattr(effect, "_gc", {})
        if "foreground" in drawn:
            drawn["foreground"] = _dark(drawn["foreground"])


def _on_cells(text: Any) -> bool:
    """Whether a text stands on a picture or in the cells of a coloured table, by which its colour was chosen."""
    from matplotlib.collections import QuadMesh

    axes = text.axes
    if axes is None or text not in axes.texts or text.get_transform() != axes.transData:
        return False
    if any(isinstance(each, QuadMesh) for each in axes.collections):
        return True
    x, y = text.get_position()
    for picture in axes.get_images():
        left, right, bottom, top = picture.get_extent()
        if min(left, right) < x < max(left, right) and min(bottom, top) < y < max(bottom, top):
            return bool(_opaque(picture, x, y))
    return False


def _ground(text: Any) -> Colour | None:
    """Return the colour of the bar or field that a text stands on, in the dark; None where that is the paper."""
    axes = text.axes
    if axes is None or text not in axes.texts or text.get_transform() != axes.transData:
        return None
    for patch in reversed(axes.patches):
        outline = patch.get_patch_transform().transform_path(patch.get_path())
        if patch.get_data_transform() == axes.transData and outline.contains_point(text.get_position()):
            red, green, blue, alpha = _dark(patch.get_facecolor())
            below = _dark(PAPER)
            red, green, blue = (
                alpha * one + (1 - alpha) * other for one, other in zip((red, green, blue), below, strict=False)
            )
            return red, green, blue, 1.0
    return None


def _readable(colour: Colour, ground: Colour | None) -> Colour:
    """Return the colour of a text on a ground: black or white where its own could not be read."""
    if ground is None or contrast(colour, ground) >= TEXT:
        return colour
    return max((_dark(PAPER), (1.0, 1.0, 1.0, 1.0)), key=lambda ink: contrast(ink, ground))


def _opaque(picture: Any, x: float, y: float) -> bool:
    """Whether a picture covers the paper at a place inside of it."""
    values = picture.get_array()
    if values.ndim < 3 or values.shape[2] < 4:
        return True
    left, right, bottom, top = picture.get_extent()
    height, width = values.shape[:2]
    down = (y - top) / (bottom - top)  # extents follow the origin: the first row is at the top
    return bool(
        values[min(int(down * height), height - 1), min(int((x - left) / (right - left) * width), width - 1), 3]
    )


def _dark(colour: Any, least: float = 0.0) -> Colour:
    """Return the colour that stands for one on dark paper, made lighter until it has the contrast asked for."""
    from matplotlib.colors import to_hex, to_rgba

    red, green, blue, alpha = to_rgba(colour)
    known = DARK.get(to_hex((red, green, blue)))
    if known is not None:
        red, green, blue = to_rgba(known)[:3]
    hue, light, saturation = rgb_to_hls(red, green, blue)
    while alpha > 0 and known is None and light < 1 and contrast((red, green, blue), DARK_PAPER) < least:
        light = min(light + 0.03, 1.0)
        red, green, blue = hls_to_rgb(hue, light, saturation)
    return red, green, blue, alpha


def _luminance(colour: Any) -> float:
    from matplotlib.colors import to_rgb

    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
