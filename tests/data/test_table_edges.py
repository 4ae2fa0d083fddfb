"""Tables of users: edges to their last digits, lines of the file in messages, sizes, encodings."""

import numpy as np
import own_configs as own
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevns_jax.config.analysis import read_analysis
from cevns_jax.data.tables import bin_edges, grid_points, merged, read_table, same_edges
from cevns_jax.detectors.table import check_edges
from cevns_jax.errors import ConfigError
from cevns_jax.experiments.coherent_csi import read_counts

COLUMNS = ("x_low", "x_high", "n")


def table_of(tmp_path, *rows, head="x_low,x_high,n"):
    path = tmp_path / "bins.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path, read_table(path, head.split(","))


@pytest.mark.parametrize(
    ("rows", "edges"),
    [
        (("0,0.1,1", "0.1,0.30000000000000004,2", "0.3,0.4,3"), [0, 0.1, 0.3, 0.4]),
        (("0,0.1,1", "0.1,0.3,2", "0.30000000000000004,0.4,3"), [0, 0.1, 0.3, 0.4]),
        (("-0.1,5.5e-17,1", "0,0.1,2", "0.1,0.2,3"), [-0.1, 0, 0.1, 0.2]),
        (("-0.1,-5.5e-17,1", "5.5e-17,0.1,2", "0.1,0.2,3"), [-0.1, 0, 0.1, 0.2]),
        (("1e-6,1e-3,1", "1e-3,1,2", "1,1e6,3"), [1e-6, 1e-3, 1, 1e6]),
        (("1000000,1000001,1", "1000001.0001,1000002,3"), [1e6, 1000001, 1e6 + 2]),
    ],
)
def test_edges_that_differ_in_their_last_digits_are_one(tmp_path, rows, edges):
    path, table = table_of(tmp_path, *rows)
    np.testing.assert_allclose(bin_edges(path, table, "x_low", "x_high"), edges, atol=1e-16)
    assert len(grid_points(path, table, ["x_low"])[0]) == len(rows)


def test_edges_further_apart_are_two(tmp_path):
    path, table = table_of(tmp_path, "0,0.1,1", "0.1000001,0.2,2")
    with pytest.raises(ConfigError, match=r"bins\.csv: line 2: bins must join: x_high is 0\.1"):
        bin_edges(path, table, "x_low", "x_high")


def test_cells_of_two_axes_may_repeat_their_edges_in_other_last_digits(tmp_path):
    path, table = table_of(
        tmp_path,
        "0.1,0.3,0,1,1",
        "0.1,0.30000000000000004,1,2,2",
        "0.30000000000000004,0.4,0,1,3",
        "0.3,0.4,1,2,4",
        head="x_low,x_high,y_low,y_high,n",
    )
    np.testing.assert_allclose(bin_edges(path, table, "x_low", "x_high"), [0.1, 0.3, 0.4])
    x, y = grid_points(path, table, ["x_low", "y_low"])
    np.testing.assert_allclose(x, [0.1, 0.3])
    np.testing.assert_allclose(y, [0, 1])


@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=20),
    jitter=st.integers(-3, 3),
)
def test_merging_moves_values_by_their_last_digits_only(values, jitter):
    given_ = np.array(values)
    found = merged(given_)
    size = np.abs(given_)
    close = np.abs(found - given_) <= 20e-9 * np.maximum(size, size.max())
    assert close.all()
    np.testing.assert_array_equal(merged(found), found)
    moved = given_ * (1 + jitter * 2.0**-52)
    assert np.unique(merged(np.concatenate([given_, moved]))).size <= np.unique(given_).size


def test_sets_of_edges_agree_but_for_the_last_digits():
    edges = np.array([0.0, 0.1, 0.3])
    assert same_edges(edges, np.array([1e-17, 0.1, 0.1 + 0.2]))
    assert not same_edges(edges, np.array([0.0, 0.1, 0.300001]))
    assert not same_edges(edges, edges[:2])


def test_a_config_with_edges_of_other_last_digits_is_read(tmp_path):
    bins = (
        "x_kev_low,x_kev_high,observed,flat\n1,1.1,30,5\n1.1,1.3000000000000003,20,6\n1.3,20,15,7\n"
    )
    ready = "recoil_kev,x_kev_low,x_kev_high,probability\n" + "".join(
        f"{recoil},{low},{high},0.2\n"
        for recoil in (0, 100)
        for low, high in ((1, 1.1), (1.1, 1.3), (1.3, 20))
    )
    files = {"bins.csv": bins, "response.csv": ready}
    like = read_analysis(own.write(tmp_path, own.READY_IN, files)).likelihood
    np.testing.assert_allclose(like.experiments[0].edges[0], [1, 1.1, 1.3, 20])


def test_counts_may_end_at_the_last_digits_of_their_region(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "pe_low,pe_high,time_low_us,time_high_us,coincidence,anticoincidence\n"
        "-1e-17,60.00000000000001,0,1,30,20\n0,60,1,6.000000000000001,50,60\n"
    )
    (energy, time), *_ = read_counts(path, 60.0)
    assert energy.tolist() == [0, 60]
    assert time.tolist() == [0, 1, 6]


COMMENTED = "# a comment\n\n{head}\n{first}\n# another\n\n{second}\n{third}\n"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("0,1,1", "1,2,2", "2,x,3"), 'line 8: "x" must be a number'),
        (("0,1,1", "1,2,2", "2,inf,3"), "line 8: holds a value that is not finite"),
        (("0,1,1", "1,2", "2,3,3"), "line 7 has 2 values, not 3"),
        (("0,1,1", "2,1,2", "2,3,3"), "line 7: x_high must be above x_low"),
        (("0,1,1", "1,2,2", "1,2,3"), "line 8: repeats the cell of line 7"),
        (("0,1,1", "2,3,2", "1,2,3"), "line 7: is not next"),
        (("0,1,1", "1,2,2", "3,4,3"), "line 7: bins must join: x_high is 2"),
    ],
)
def test_messages_name_the_line_of_the_file(tmp_path, rows, words):
    path = tmp_path / "mine.csv"
    first, second, third = rows
    path.write_text(
        COMMENTED.format(head="x_low,x_high,n", first=first, second=second, third=third)
    )

    def read():
        table = read_table(path, COLUMNS)
        bin_edges(path, table, "x_low", "x_high")
        grid_points(path, table, ["x_low"])

    with pytest.raises(ConfigError, match=rf"mine\.csv: {words}"):
        read()


CURVE = "recoil_kev,quenching_factor\n0,0.1\n20,0.3\n100,0.5\n"


@pytest.mark.parametrize(
    ("changes", "files", "words"),
    [
        (own.TABLED, {"quenching.csv": CURVE + "100,0.5\n"}, ["line 5: recoil_kev", "repeats 100"]),
        (own.TABLED, {"quenching.csv": "#\n" + CURVE + "50,0.5\n"}, ["line 6", "50 is below 100"]),
        (
            {"source": own.SOURCE},
            {"flux.csv": own.FLUX + "40,1e5,0\n"},
            ["flux.csv: line 5: energy_mev", "40 repeats 40 of line 4"],
        ),
        ({}, {"bins.csv": own.BINS + "8,20,15,7\n"}, ["line 5: repeats the cell of line 4"]),
        ({}, {"bins.csv": own.BINS.encode("utf-16")}, ["bins.csv", "UTF-16"]),
        ({}, {"bins.csv": b"# 3 \xb5s\n" + own.BINS.encode()}, ["bins.csv", "Latin-1", "line 1"]),
        ({"bins": "a\0b.csv"}, {}, ["mine.bins]", "NUL"]),
        ({"bins": "b" * 300}, {}, ["cannot be read", "..."]),
    ],
)
def test_what_cannot_be_read_is_status_2_with_its_line(capsys, tmp_path, changes, files, words):
    own.refused(capsys, own.write(tmp_path, changes, files), words)


def test_tables_without_end_are_refused_with_what_is_allowed(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1,2\n" * 1_000_000)
    with pytest.raises(ConfigError, match="has 1000000 rows; at most 10000 are allowed"):
        read_table(path, ("a", "b"))
    path.write_bytes(b"a,b\n" + b"#" * 51_000_000)
    with pytest.raises(ConfigError, match="larger than 50 MB"):
        read_table(path, ("a", "b"))
    with pytest.raises(ConfigError, match="no name of a file"):
        read_table(tmp_path / "a\0b", ("a", "b"))
    with pytest.raises(ConfigError, match="has 1000000 bins; at most 2000 are allowed"):
        check_edges("x", np.arange(1_000_001.0))


def test_grids_of_many_axes_do_not_run_away(tmp_path):
    """As many points on each of five axes as there are rows."""
    axes = [f"{axis}_low" for axis in "abcde"]
    rows = [",".join([str(row)] * 5) for row in range(10_000)]
    path, table = table_of(tmp_path, *rows, head=",".join(axes))
    with pytest.raises(ConfigError, match="cells of one grid"):
        grid_points(path, table, axes)
