"""What is measured of each image of a data set, once: kept in memory and in the cache folder."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.cache import cache_folder, load_arrays, save_arrays
from workbench.core.dataset import Dataset
from workbench.core.locks import sharing
from workbench.data.properties import image_properties, properties_digest

if TYPE_CHECKING:
    import pandas as pd


class MeasuredProperties:
    """The properties of the images of a data set; measuring them keeps nobody waiting who asks for anything else.

    Args:
        dataset: the images.
        cache: whether they are kept in the user's cache folder.
    """

    def __init__(self, dataset: Dataset, *, cache: bool) -> None:
        self._dataset, self._cache = dataset, cache
        self._known: pd.DataFrame | None = None
        self._lock = threading.Lock()

    @property
    def there(self) -> bool:
        """Whether they are measured already."""
        return self._look() is not None

    def table(self) -> pd.DataFrame:
        """Return one row an image, as `image_properties` gives it; measured now if they are not there."""
        with self._lock:
            if (known := self._look()) is not None:
                return known
            path = self._path
            with sharing(path, "Image properties"):
                if (known := self._look()) is not None:
                    return known
                self._known = image_properties(self._dataset.images)
                if path is not None:
                    save_arrays(path, {str(name): self._known[name].to_numpy() for name in self._known.columns})
                return self._known

    @property
    def _path(self) -> Path | None:
        name = f"{self._dataset.fingerprint}-{properties_digest()}.npz"
        return cache_folder() / "properties" / name if self._cache else None

    def _look(self) -> pd.DataFrame | None:
        """Return them if they are in memory, or in the cache folder."""
        import pandas as pd

        if self._known is None and (path := self._path) is not None and (stored := load_arrays(path)) is not None:
            self._known = pd.DataFrame(dict(stored))
        return self._known
