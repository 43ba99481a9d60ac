"""Convolution over the grid by the fast Fourier transform, without the import of a signal library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["convolved"]


def convolved(values: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Sum the neighbours of each cell, weighted by a kernel, over everything that both reach.

    The steps of `scipy.signal.fftconvolve` with ``mode="full"``, whose module takes half a second to
    import.

    Parameters
    ----------
    values : shape (rows, cols).
    kernel : shape (n, m); its middle is the cell itself.

    Returns
    -------
    Shape (rows + n - 1, cols + m - 1); cell (r, c) of `values` lies at (r + n // 2, c + m // 2).

    Examples
    --------
    >>> convolved(np.array([[0.0, 1.0, 0.0]]), np.array([[1.0, 2.0, 3.0]])).round(6).tolist()
    [[0.0, 1.0, 2.0, 3.0, 0.0]]
    """
    from scipy import fft

    shape = [n + m - 1 for n, m in zip(values.shape, kernel.shape, strict=True)]
    fast = [fft.next_fast_len(n, real=True) for n in shape]
    product = fft.rfftn(values, fast) * fft.rfftn(kernel, fast)
    return np.asarray(fft.irfftn(product, fast)[: shape[0], : shape[1]])
