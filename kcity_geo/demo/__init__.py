"""Demo: a synthetic host city whose truth is known, written as real files."""

from kcity_geo.demo.make import load_truth, make_demo
from kcity_geo.demo.toy import make_toy

__all__ = ["load_truth", "make_demo", "make_toy"]
