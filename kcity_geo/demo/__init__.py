"""Demo: a synthetic host city whose truth is known, written as real files."""

from kcity_geo.demo.make import load_truth, make_demo

__all__ = ["load_truth", "make_demo"]
