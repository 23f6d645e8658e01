"""One run of one page: what it is given, and where it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One run of one page.

    Attributes
    ----------
    page : str
        Chapter and name, for example ``shapes/stack``.
    source : str
        The script.
    root : str
        The folder of the project, in which a page may open files.
    package : str
        The name of the helper package.
    staging : str
        The folder to write to; it stands for the documentation's source folder.
    gallery_dir : str
        The folder below it in which sphinx-gallery keeps the chapters.
    gallery_conf : dict
        sphinx-gallery's settings.
    ignored_warnings : tuple of str
        Python warning filters (in the form of ``python -W``) for warnings that no page can help.
    time_limit : float
        Seconds after which the run is ended.
    threads : int
        The number of threads that the page may compute with.
    alone : bool
        Whether no other page runs at the same time, so that times can be measured.
    measurements : str
        The file of what other devices measured.
    header : str
        What stands above the source in the script that readers download, which is run if this is given.
    text : str
        The source as readers download it, with the values in its text.
    wheel : str
        The folder of the helper package that the download is run with.
    """

    page: str
    source: str
    root: str
    package: str
    staging: str
    gallery_dir: str
    gallery_conf: dict[str, Any]
    ignored_warnings: tuple[str, ...]
    time_limit: float
    threads: int
    alone: bool
    measurements: str
    header: str = ""
    text: str = ""
    wheel: str = ""

    @property
    def report_file(self) -> str:
        """Where Python writes the position of a page that hangs or crashes."""
        return str(Path(self.staging, "position.txt"))

    @property
    def place_file(self) -> Path:
        """Where the line stands of the cell that was begun last."""
        return Path(self.staging, "place.txt")

    @property
    def claims_file(self) -> Path:
        """Where processes that the page forks report their claims."""
        return Path(self.staging, "claims.txt")

    @property
    def printed_file(self) -> Path:
        """Where all goes that the page prints."""
        return Path(self.staging, "printed.txt")

    @property
    def measured_file(self) -> Path:
        """Where `ptguide.measurements.record` puts what the page measures."""
        return Path(self.staging, "measured.json")

    @property
    def work(self) -> Path:
        """The folder in which the page runs, empty at first."""
        return Path(self.staging, "work")

    @property
    def file(self) -> Path:
        """The script that is executed: the source, or the download in a folder of its own."""
        return self.work / Path(self.source).name if self.header else Path(self.source)

    def line(self, number: int | None) -> int | None:
        """Return the line of the source for one of the script that is executed."""
        return number and max(1, number - self.header.count("\n"))
