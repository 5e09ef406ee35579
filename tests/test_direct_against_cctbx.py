"""Direct summation with anomalous scattering, beside that of cctbx.

cctbx answers in a process of its own: it crashes where gemmi or numba is loaded. It is given our
coefficients of form factors, since its own table is in single precision.
"""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xrefl.scattering.form_factor import form_factor

if importlib.util.find_spec("cctbx") is None:
    pytest.skip("cctbx is not installed (extra 'dev')", allow_module_level=True)

ADDENDS = {"Fe": -1.1 + 3.2j, "S": 0.3 + 0.6j, "C": 0.02 + 0.01j}
GROUPS = {
    "P 1": (9.1, 10.2, 11.3, 80, 95, 101),
    "P -1": (9.1, 10.2, 11.3, 80, 95, 101),
    "P 1 21/c 1": (9.1, 10.2, 11.3, 90, 105, 90),
    "F d d 2": (19.1, 20.2, 11.3, 90, 90, 90),
    "P 43 21 2": (9.1, 9.1, 21.3, 90, 90, 90),
    "R -3 c:H": (12.1, 12.1, 25.3, 90, 90, 120),
    "P 61 2 2": (12.1, 12.1, 25.3, 90, 90, 120),
    "I a -3 d": (15.1, 15.1, 15.1, 90, 90, 90),
}
HKL = [(0, 0, 0), (1, 2, 3), (-1, -2, -3), (2, -1, 5), (0, 4, 8), (7, 7, 7), (-6, 3, 4), (4, 4, 0)]


def write_answers(models: str, path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import adptbx, crystal, eltbx, miller, xray
    from cctbx.array_family import flex
    from cctbx.xray.structure_factors import from_scatterers_direct

    answers = {}
    for name, model in pickle.loads(Path(models).read_bytes()).items():
        group = f"hall: {model['hall']}"
        symmetry = crystal.symmetry(unit_cell=model["cell"], space_group_symbol=group)
        atoms = flex.xray_scatterer()
        for element, site, occupancy, b, u in model["atoms"]:
            anisotropic = np.isfinite(u).all()
            addend = ADDENDS.get(element, 0j)
            atoms.append(
                xray.scatterer(
                    scattering_type=element,
                    site=site,
                    occupancy=occupancy,
                    u=adptbx.u_cart_as_u_star(symmetry.unit_cell(), u)
                    if anisotropic
                    else adptbx.b_as_u(b),
                    fp=addend.real,
                    fdp=addend.imag,
                )
            )
        structure = xray.structure(
            symmetry.special_position_settings(min_distance_sym_equiv=0.15), atoms
        )
        registry = structure.scattering_type_registry(table="it1992")
        for element in {atom[0] for atom in model["atoms"]}:
            ff = form_factor(element)
            registry.assign(element, eltbx.xray_scattering.gaussian(ff.a, ff.b, ff.c))
        wanted = miller.set(symmetry, flex.miller_index(HKL), anomalous_flag=True)
        f_calc = from_scatterers_direct(xray_structure=structure, miller_set=wanted).f_calc()
        answers[name] = np.array(f_calc.data())
    Path(path).write_bytes(pickle.dumps(answers))


@pytest.fixture(scope="module")
def models() -> dict:
    from tests.models import random_model

    return {
        name: random_model(name, cell, seed, special=name != "P 1")
        for seed, (name, cell) in enumerate(GROUPS.items(), 10)
    }


@pytest.fixture(scope="module")
def answers(models, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    plain = {
        name: {
            "cell": model.attrs["cell"],
            "hall": model.xtal.spacegroup.hall,
            "atoms": list(
                zip(
                    model.element.values.tolist(),
                    model.xtal.cell.fractionalize(model.xyz.values).tolist(),
                    model.occupancy.values.tolist(),
                    model.b_iso.values.tolist(),
                    model.u_aniso.values.tolist(),
                    strict=True,
                )
            ),
        }
        for name, model in models.items()
    }
    folder = tmp_path_factory.mktemp("cctbx")
    (folder / "models.pickle").write_bytes(pickle.dumps(plain))
    paths = str(folder / "models.pickle"), str(folder / "answers.pickle")
    code = f"import cctbx.miller; from {__name__} import write_answers; write_answers{paths}"
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    return pickle.loads((folder / "answers.pickle").read_bytes())


@pytest.mark.parametrize("name", GROUPS)
def test_same_structure_factors(models, answers, name: str):
    # cctbx moves atoms to special positions that they are near to
    assert (models[name].site_symmetry_order[1:] == 1).all()
    calc = models[name].xtal.structure_factors(HKL, addends=ADDENDS)
    found = calc.xtal.structure_factor("F", "PHI").values
    # cctbx takes for granted that no reflection is absent
    present = ~calc.xtal.absent().values
    np.testing.assert_allclose(found[~present], 0, atol=1e-10)
    expected = answers[name][present]
    np.testing.assert_allclose(found[present], expected, atol=1e-9 * np.abs(found).max())
