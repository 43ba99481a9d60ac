"""The straight line on the demo town: where are the gaps, and where would the complex go?"""

import sys
from pathlib import Path

import kcity_geo as kc

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/ten_lines")
study = kc.load_study(Path(__file__).parents[1] / "data" / "hanbit" / "study.toml")
data = kc.load(study)
gaps = kc.assess_gaps(data)
score = kc.suitability(data, gaps)
sites = kc.rank_sites(score, data)
kc.save(kc.Result(study=study, data=data, gaps=gaps, score=score, sites=sites), out)

print(gaps.city[["gap", "gap_lo", "gap_hi", "reading", "data"]].round(2))
print(sites[["rank", "area_ha", "score", "reasons"]].head(3).to_string(index=False))
