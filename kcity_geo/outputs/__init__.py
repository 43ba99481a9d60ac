"""Write the files of a finished study, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcity_geo.outputs.folder import check_out_dir, save

__all__ = ["check_out_dir", "save"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of two functions
    if name in __all__:  # lists and help need words alone, not the libraries of a study
        from kcity_geo.outputs import folder

        return getattr(folder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
