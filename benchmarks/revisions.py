"""Did it become slower? The working tree beside another revision of the project.

    python benchmarks/revisions.py [REVISION] [--only TEXT] [--repeats N] [--output FILE.json]

Each tree runs in a process of its own, with an empty compilation cache. Its first call of a job
compiles. Then both trees do the job in turn, so that a machine that drifts slows both; the median
of the ratios of neighbours counts. "work" is the same ratio in processor time, which other
processes disturb less. A profile is timed without the fit that it starts from. A job whose answer
differs is marked. Two kinds of job: with one valley, which are to cost no more, and with several.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Of chi^2, and relative where chi^2 is large: on planes it reaches 1e30, and is rounded there.
SAME, ROUNDED = 1e-4, 1e-8

Job = tuple[str | int, ...]  # config, what to do, points of each axis
JOBS: dict[str, dict[str, Job]] = {  # by the number of valleys of chi^2
    "one": {
        "fit, CsI 2017 count": ("coherent_csi_2017_count", "fit"),
        "fit, CsI 2021 count": ("coherent_csi_2021_count", "fit"),
        "profile of 10^4 points, CsI 2017": ("coherent_csi_2017", "profile", 10000),
        "profile of 10^4 points, CsI 2021": ("coherent_csi_2021", "profile", 10000),
        "profile of 10^4 points, CsI 2021 split": ("coherent_csi_2021_split", "profile", 10000),
        "profile of 10^4 points, Dresden-II": ("dresden_ii_fef", "profile", 10000),
        "profile of 10^4 points, CsI 2021 + argon": ("coherent_csi_lar", "profile", 10000),
        "100 x 100, vector, Dresden-II": ("fig3_vector_fef", "scan", 100, 100),
        "100 x 100, vector, CsI 2021 + argon": ("fig3_vector_coherent", "scan", 100, 100),
        "100 x 200, dipole, Dresden-II": ("fig3_dipole_fef", "scan", 100, 200),
    },
    "several": {  # of an angle: the mirror solution
        "fit, CsI 2017": ("coherent_csi_2017", "fit"),
        "fit, CsI 2021": ("coherent_csi_2021", "fit"),
        "fit, CsI 2021 split": ("coherent_csi_2021_split", "fit"),
        "fit, argon": ("coherent_lar_2020", "fit"),
        "fit, Dresden-II": ("dresden_ii_fef", "fit"),
        "fit, CsI 2021 + argon": ("coherent_csi_lar", "fit"),
        "401 points, NSI, CsI + argon": ("nsi_csi_lar", "scan", 401),
    },
}


def work(root: Path) -> None:
    """Do the jobs that come in, a line of JSON each, and answer with seconds and chi^2."""
    import time

    import numpy as np

    import cevns_jax as cj
    from cevns_jax.config.analysis import read_analysis
    from cevns_jax.inference.scan import scan
    from cevns_jax.startup import start_jax

    if not Path(cj.__file__).is_relative_to(root):
        raise SystemExit(f"cevns_jax of another tree: {cj.__file__}")
    start_jax()
    analyses: dict[str, Any] = {}
    fits: dict[str, Any] = {}
    for line in sys.stdin:
        config, what, *points = json.loads(line)
        if config not in analyses:
            analyses[config] = read_analysis(root / "configs" / f"{config}.toml")
        analysis = analyses[config]
        like = analysis.likelihood
        if what == "profile" and config not in fits:
            three = np.asarray(analysis.profile.grid)[[0, 1, -1]]
            starts = analysis.starts
            name = analysis.profile.parameter
            fits[config] = cj.profile(like, starts=starts, **{name: three}).best
        began, used = time.perf_counter(), time.process_time()
        if what == "fit":
            chi2 = np.array([cj.fit(like, analysis.starts).chi2])
        elif what == "profile":
            settings = analysis.profile
            grid = np.linspace(settings.grid[0], settings.grid[-1], *points)
            chi2 = cj.profile(like, best=fits[config], **{settings.parameter: grid}).chi2
        else:
            axes = {
                name: np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(grid)), grid)
                for n, (name, grid) in zip(points, analysis.scan.grids.items(), strict=True)
            }
            chi2 = np.ravel(scan(like, axes).chi2)
        times = time.perf_counter() - began, time.process_time() - used
        print(json.dumps([times, chi2[:: max(1, len(chi2) // 500)].tolist()]), flush=True)


class Tree:
    """A process that works with the package of one tree."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", str(root)],
            env=os.environ | {"PYTHONPATH": str(root), "XDG_CACHE_HOME": str(cache)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, job: Job) -> tuple[tuple[float, float], list[float]]:
        """Seconds that a job took, by the clock and of processors, and some of its chi^2."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{job}: the process ended")
        (seconds, work), chi2 = json.loads(answer)
        return (seconds, work), chi2


def differ(ours: list[float], theirs: list[float]) -> int:
    """How many chi^2 differ between two answers."""
    return sum(
        not (abs(a - b) < max(SAME, ROUNDED * abs(b)) or a == b)
        for a, b in zip(ours, theirs, strict=True)
    )


def compared(new: Tree, old: Tree, job: Job, repeats: int) -> dict[str, Any]:
    """One job done by both trees: times of the first call, medians of the warm ones, ratios."""
    (first, ours), (first_there, theirs) = new.do(job), old.do(job)
    pairs = [(new.do(job)[0], old.do(job)[0]) for _ in range(repeats)]
    return {
        "first": [first[0], first_there[0]],
        "warm": [statistics.median(pair[tree][0] for pair in pairs) for tree in (0, 1)],
        "ratio": statistics.median(here[0] / there[0] for here, there in pairs),
        "work": statistics.median(here[1] / there[1] for here, there in pairs),
        "compared": len(ours),
        "differ": differ(ours, theirs),
    }


def line_of(row: dict[str, Any]) -> str:
    """A line of the table."""
    different = f"{row['differ']} of {row['compared']} differ"
    return (
        f"  {row['job']:<40}{row['first'][0]:8.2f}{row['first'][1]:8.2f}"
        f"{row['warm'][0]:9.4f}{row['warm'][1]:9.4f}{row['ratio']:7.2f}{row['work']:6.2f}  "
        + (different if row["differ"] else "same")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", nargs="?", default="HEAD~1")
    parser.add_argument("--only", default="", help="jobs whose name has this text")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "-f", "--detach", other,
                        arguments.revision], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        try:
            new, old = Tree(ROOT, Path(folder) / "new"), Tree(other, Path(folder) / "old")
            print(f"here beside {arguments.revision[:8]}, times in seconds")
            print(f"{'':<44}{'first call':>14}{'warm':>16}{'ratio':>8}{'work':>6}  chi^2")
            for valleys, jobs in JOBS.items():
                print(f"{valleys} valley{'s' * (valleys != 'one')}")
                for name, job in jobs.items():
                    if arguments.only not in name:
                        continue
                    rows.append(compared(new, old, job, arguments.repeats))
                    rows[-1] |= {"job": name, "valleys": valleys}
                    print(line_of(rows[-1]), flush=True)
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", other], check=True)
    if arguments.output:
        machine = {"machine": platform.processor(), "cores": os.cpu_count()}
        arguments.output.write_text(json.dumps(machine | {"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
