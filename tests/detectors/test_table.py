"""Linear tables go through their rows, and what is none is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from cevns_jax.detectors import linear_table
from cevns_jax.errors import ConfigError


def test_linear_table_goes_through_its_rows_and_stays_at_its_ends():
    table = linear_table("x", [1.0, 2.0, 4.0], [3.0, 5.0, 1.0])
    found = table(jnp.array([0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 9.0]))
    np.testing.assert_allclose(found, [3.0, 3.0, 4.0, 5.0, 3.0, 1.0, 1.0], rtol=1e-15)


# What is refused


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([1.0], [1.0], "at least two rows"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "same length"),
        ([[1.0, 2.0]], [[1.0, 2.0]], "two columns"),
        ([1.0, 1.0], [1.0, 2.0], "must ascend"),
        ([2.0, 1.0], [1.0, 2.0], "must ascend"),
        ([1.0, np.inf], [1.0, 2.0], "finite"),
        ([1.0, 2.0], [1.0, np.nan], "finite"),
        ([1.0, 2.0, 3.0], [1.0, -0.1, -2.0], "row 2 is negative"),
    ],
)
def test_a_table_that_is_none_is_refused(x, y, text):
    with pytest.raises(ConfigError, match=f"curve: .*{text}"):
        linear_table("curve", x, y)
