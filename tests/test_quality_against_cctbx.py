"""What intensities tell of the crystal, beside what mmtbx.scaling (xtriage) makes of them.

It answers in a process of its own, all questions at once.
"""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xrefl
from tests.quality_samples import dataset, twinned, two_molecules, wilson

if importlib.util.find_spec("mmtbx") is None:
    pytest.skip("mmtbx is not installed (extra 'dev')", allow_module_level=True)

LATTICES = [
    ((60, 60, 90, 90, 90, 120), "P 3"),
    ((60, 60, 90, 90, 90, 120), "R 3:H"),
    ((60, 60, 90, 90, 90, 120), "P 6 2 2"),
    ((50, 50, 70, 90, 90, 90), "I 4"),
    ((50, 60, 70, 90, 90.4, 90), "P 1 21 1"),
    ((60, 60, 60, 90, 90, 90), "P 2 2 2"),
    ((50, 50.5, 70, 90, 90, 90), "P 21 21 21"),
    ((60, 61, 62, 89.5, 90.4, 119.6), "P 1"),
    ((50, 86.5, 70, 90, 90, 90), "C 2 2 21"),
    ((50, 60, 70, 80, 95, 100), "P 1"),
]


def samples():
    twin = twinned(wilson((50, 50, 70, 90, 90, 90), "P 4", 2.8, b=20), "k,h,-l", 0.2)
    moved = two_molecules((60, 70, 80, 90, 90, 90), "P 21 21 21", 4.5, (0.5, 0.5, 0.02))
    return {"twin": twin, "moved": moved}


def write_answers(path: str) -> None:
    """Ask mmtbx; to be called in a process that has imported cctbx before anything else."""
    import io

    from cctbx import crystal, miller
    from cctbx.array_family import flex
    from mmtbx.scaling import twin_analyses

    def array(cell, group, hkl, values):
        symmetry = crystal.symmetry(unit_cell=cell, space_group_symbol=group)
        indices = miller.set(symmetry, flex.miller_index(hkl), False)
        sigmas = flex.double(len(hkl), 1.0)
        return indices.array(flex.double(values), sigmas).set_observation_type_xray_intensity()

    questions = pickle.loads(Path(path).read_bytes())
    laws = []
    for cell, group in questions["lattices"]:
        found = twin_analyses.twin_laws(
            array(cell, group, [(12, 24, 36)], [1.0]), out=io.StringIO()
        )
        laws.append(
            [
                (one.operator.r().as_hkl(), one.twin_type.strip(), one.delta_le_page)
                for one in found.operators
            ]
        )
    twin = array(*questions["twin"])
    l_test = twin_analyses.l_test(twin)
    wilson = twin_analyses.wilson_normalised_intensities(twin, out=io.StringIO())
    n_z = twin_analyses.n_z_test(wilson.acentric, wilson.centric)
    law = twin_analyses.twin_laws(twin, out=io.StringIO()).operators[0].operator
    britton = twin_analyses.britton_test(
        twin_law=law.as_double_array()[0:9], miller_array=twin.select(twin.data() > 0)
    )
    peaks = twin_analyses.detect_pseudo_translations(array(*questions["moved"]), out=io.StringIO())
    site, height, p_value, distance = peaks.suspected_peaks[0]
    answers = {
        "laws": laws,
        "l": (l_test.mean_l, l_test.mean_l2),
        "n_z": (list(n_z.z), list(n_z.ac_obs), list(n_z.c_obs)),
        "britton": britton.estimated_alpha,
        "peak": (site, height / 100, p_value, distance),
    }
    Path(path).write_bytes(pickle.dumps(answers))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    path = tmp_path_factory.mktemp("mmtbx") / "questions"
    questions = {"lattices": LATTICES}
    for name, ds in samples().items():
        hkl = np.column_stack([ds[index].values for index in "hkl"])
        group = ds.attrs["spacegroup"]
        questions[name] = tuple(ds.attrs["cell"]), group, hkl.tolist(), ds.I.values.tolist()
    path.write_bytes(pickle.dumps(questions))
    code = (
        "import mmtbx.scaling.twin_analyses; "
        f"from {__name__} import write_answers; write_answers({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    return pickle.loads(path.read_bytes())


def test_twin_laws(answers):
    """As many, of the same classes and kinds; of twofold axes with the same obliquity."""
    for (cell, group), theirs in zip(LATTICES, answers["laws"], strict=True):
        found = dataset([(1, 2, 3)], cell, group, I=np.ones(1)).xtal.twin_laws()
        assert len(found.law) == len(theirs), group
        own = xrefl.SpaceGroup(group).primitive_rotations
        matrices = [np.array(xrefl.Op(law).rotation) for law in found.law.values.tolist()]
        for law, kind, delta in theirs:
            R = np.array(xrefl.Op(law).rotation)
            cosets = [any(np.array_equal(R @ S, mine) for S in own) for mine in matrices]
            assert sum(cosets) == 1, law
            mine = found.isel(law=cosets.index(True))
            expected = {"M": "merohedral", "PM": "pseudo-merohedral"}[kind]
            assert str(mine.kind.values) == expected, law
            if np.array_equal(R @ R, 24 * 24 * np.eye(3)):
                assert float(mine.obliquity) == pytest.approx(delta, abs=1e-4), law


def test_l_test(answers):
    """They choose pairs at random, with steps to 8."""
    found = samples()["twin"].xtal.l_test("I")
    mean, square = answers["l"]
    assert float(found.mean_abs_l) == pytest.approx(mean, abs=0.015)
    assert float(found.mean_l2) == pytest.approx(square, abs=0.015)


def test_distribution(answers):
    z, acentric, centric = map(np.array, answers["n_z"])
    found = samples()["twin"].xtal.intensity_distribution("I", z=z)
    np.testing.assert_allclose(found.observed[0], acentric, atol=0.012)
    np.testing.assert_allclose(found.observed[1], centric, atol=0.03)


def test_britton_plot(answers):
    found = samples()["twin"].xtal.twin_fractions("I")
    assert float(found.alpha_britton[0]) == pytest.approx(answers["britton"], abs=0.02)


def test_translation(answers):
    site, height, p_value, distance = answers["peak"]
    found = samples()["moved"].xtal.translational_ncs("I").isel(peak=0)
    np.testing.assert_allclose(found.xyz.values, np.array(site) % 1, atol=0.005)
    assert float(found.height) == pytest.approx(height, rel=0.05)
    assert float(found.distance) == pytest.approx(distance, abs=0.3)
    assert 0.3 < float(found.p_value) / p_value < 3
