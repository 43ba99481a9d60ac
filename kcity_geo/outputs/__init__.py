"""Write the files of a finished study, and nothing else."""

from __future__ import annotations

from kcity_geo.outputs.folder import check_out_dir, save

__all__ = ["check_out_dir", "save"]
