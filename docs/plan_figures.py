"""Draw the plans of the demo city: ``python docs/plan_figures.py`` writes docs/figures/plan-*.png."""

from __future__ import annotations

import base64
import io
import sys
import tempfile
import warnings
from pathlib import Path

from PIL import Image

import kcity_geo as kc
from kcity_geo.demo import make_demo
from kcity_geo.outputs.plan_figures import sheet_figure
from kcity_geo.planning.sheets import plan_sheets

OUT = Path(__file__).parent / "figures"
PROFILES = ("new_town", "industrial_complex", "logistics_hub")
SHEETS = {"new_town": ("Layout", "Phasing", "Utility connections and cost")}


def main():
    warnings.simplefilter("ignore", kc.KCityWarning)
    # The town has no hundred hectares in one piece for a new town.
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1] if len(sys.argv) > 1 else make_demo(Path(folder) / "city", size="city")
        data = kc.load(kc.load_study(given))
    gaps = kc.assess_gaps(data)
    for profile in PROFILES:
        score = kc.suitability(data, gaps, project=profile)
        best = kc.rank_sites(score, data).iloc[[0]]
        options = kc.ConceptOptions(price_level=0.5, excluded=~score.feasible)
        plan = kc.concept(best, data, profile, options=options)
        sys.stdout.write(f"{plan}\n{plan.layout}\n")
        sys.stdout.write(
            plan.layout.areas.round(2).to_string() + "\n" + "\n".join(plan.notes) + "\n"
        )
        for sheet in plan_sheets(plan).maps:
            if sheet.title in SHEETS.get(profile, ("Layout",)):
                name = f"plan-{profile}-{sheet.title.split()[0].lower()}.png"
                picture = base64.b64decode(sheet_figure(sheet).partition(",")[2])
                few = Image.open(io.BytesIO(picture)).convert("RGB").quantize(64)
                few.save(OUT / name, optimize=True)


if __name__ == "__main__":
    main()
