from __future__ import annotations

import numpy as np
import pytest

from kcity_geo.analysis.distance.convolution import convolved


@pytest.mark.parametrize(
    ("shape", "kernel"), [((40, 31), (7, 7)), ((5, 64), (21, 21)), ((2, 2), (9, 3))]
)
def test_convolution_is_that_of_the_signal_library_to_the_last_bit(shape, kernel) -> None:
    from scipy import signal

    rng = np.random.default_rng(1)
    values, weights = rng.uniform(0, 9, shape), rng.uniform(0, 1, kernel)
    np.testing.assert_array_equal(
        convolved(values, weights), signal.fftconvolve(values, weights, mode="full")
    )


def test_a_single_cell_spreads_the_kernel_around_itself() -> None:
    values = np.zeros((4, 5))
    values[1, 3] = 2.0
    kernel = np.arange(9.0).reshape(3, 3)
    expected = np.zeros((6, 7))
    expected[1:4, 3:6] = 2 * kernel
    np.testing.assert_allclose(convolved(values, kernel), expected, atol=1e-12)
