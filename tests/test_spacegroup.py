"""Space groups: names and attributes of all settings, against gemmi."""

from __future__ import annotations

import copy
import pickle
from itertools import product

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrefl.crystal import asu, reflections
from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError

SETTINGS = list(gemmi.spacegroup_table())
# gemmi keeps CCP4's uneven spellings of second-origin settings; ours are even
RESPELT = {
    "P 21212(a)": "P 21 21 2 (a)",
    "C 2 2 21a)": "C 2 2 21 (a)",
    "C 2 2 2a": "C 2 2 2 (a)",
    "F 2 2 2a": "F 2 2 2 (a)",
    "I 2 2 2a": "I 2 2 2 (a)",
    "P 42 21 2a": "P 42 21 2 (a)",
    "I 2 3a": "I 2 3 (a)",
}
settings = st.sampled_from(SETTINGS)


def triplets(setting: gemmi.SpaceGroup) -> list[str]:
    return [op.wrap().triplet() for op in setting.operations()]


def test_names_of_all_settings_are_found() -> None:
    assert len(SETTINGS) == 564
    for setting in SETTINGS:
        group = SpaceGroup(setting.xhm())
        assert group.is_tabulated
        assert group.name == RESPELT.get(setting.xhm(), setting.xhm())
        assert group.hall == setting.hall
        again = SpaceGroup(group.name)
        assert (again.name, again.hall) == (group.name, group.hall)


def test_attributes_of_all_settings() -> None:
    for setting in SETTINGS:
        group = SpaceGroup(setting.xhm())
        extension = setting.ext.strip("\0")
        assert group.number == setting.number
        assert group.ccp4_number == setting.ccp4
        assert group.hm == RESPELT.get(setting.hm, setting.hm)
        assert group.extension == extension
        assert group.qualifier == setting.qualifier
        assert group.point_group == setting.point_group_hm()
        assert group.laue_class == setting.laue_str()
        assert group.crystal_system == setting.crystal_system_str()
        assert group.is_centrosymmetric == setting.is_centrosymmetric()
        assert group.is_reference == setting.is_reference_setting()
        # gemmi calls the lattice of rhombohedral axes P
        assert group.centring == ("R" if extension == "R" else setting.centring_type())


def test_operations_of_all_settings() -> None:
    for setting in SETTINGS:
        group = SpaceGroup(setting.xhm())
        expected = setting.operations()
        assert [op.triplet() for op in group.operations] == triplets(setting)
        assert len(group.primitive_operations) == len(expected.sym_ops)
        assert group.operations[: len(expected.sym_ops)] == group.primitive_operations
        assert [list(vector) for vector in group.centring_vectors] == expected.cen_ops
        assert group.operations[0] == Op("x,y,z")


def test_short_names_are_those_of_gemmi_and_are_found() -> None:
    for setting in SETTINGS:
        group = SpaceGroup(setting.xhm())
        found = SpaceGroup(group.short_name)
        if group.extension in ("", "H", "1"):
            assert found.name == group.name
        else:
            assert found.hm == group.hm
        # "B2" is B 1 1 2, to gemmi as well
        if setting.hm not in RESPELT and setting.hm != "B 1 2 1":
            assert group.short_name == setting.short_name()
    assert SpaceGroup("B 1 2 1").short_name == "B121"
    assert SpaceGroup("P 21 21 2 (a)").short_name == "P21212(a)"


def test_change_of_basis_to_the_reference_setting() -> None:
    for setting in SETTINGS:
        group = SpaceGroup(setting.xhm())
        assert group.to_reference.inverse() == Op(setting.basisop.triplet())
        reference = group.change_basis(group.to_reference)
        assert reference.is_reference
        assert reference.number == group.number
        assert reference.change_basis(group.to_reference.inverse()) == group


def test_hall_symbols_of_all_settings() -> None:
    other = set()
    for setting in SETTINGS:
        group = SpaceGroup(setting.xhm())
        assert SpaceGroup(f"Hall: {setting.hall}") == group
        assert SpaceGroup(f"hall:{setting.hall.lower().replace(' ', '_')}") == group
        if SpaceGroup(setting.hall) != group:
            other.add(setting.hall)
    # these are Hermann-Mauguin symbols too, and are taken as such
    assert other == {"P 2", "A 2", "C 2", "I 2", "P 4 2", "P 3 2", "P 6 2"}
    for symbol in other:
        assert SpaceGroup(symbol).name == gemmi.SpaceGroup(symbol).xhm()


def spellings() -> list[str]:
    names = set()
    for setting in SETTINGS:
        for name in (setting.xhm(), setting.hm, setting.short_name()):
            names |= {name, name.replace(" ", ""), name.lower(), name.replace(":", " :")}
        if setting.ext in "HR":
            names |= {setting.hm + setting.ext, setting.hm.replace("R", "H")}
        if "21" in setting.hm:
            names.add(setting.hm.replace("21", "2_1"))
        names.add(setting.hm.replace("-3", "3"))
        for place, centring in enumerate("ABC"):
            symbols = setting.hm.split()
            if symbols[0] == centring and len(symbols) == 4 and symbols[1] != "1":
                symbols[place + 1] = "e"
                names.add("".join(symbols))
    return sorted(names)


def test_spellings_that_gemmi_knows_mean_the_same() -> None:
    known = 0
    for name in spellings():
        expected = gemmi.find_spacegroup_by_name(name)
        if expected is not None:
            known += 1
            assert SpaceGroup(name).hall == expected.hall, name
    assert known > 2500


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("P2(1)2(1)2(1)", "P 21 21 21"),
        ("P2(1)/c", "P 1 21/c 1"),
        ("P 1 2_1/c 1", "P 1 21/c 1"),
        ("  p 21/C\t", "P 1 21/c 1"),
        ("P4(2)/mnm", "P 42/m n m"),
        ("R 3:h", "R 3:H"),
        ("R-3cR", "R -3 c:R"),
        ("H 3 2", "R 3 2:H"),
        ("H-3m", "R -3 m:H"),
        ("B2", "B 1 1 2"),
        ("Bb", "B 1 1 b"),
        ("Pb", "P 1 1 b"),
        ("I21", "I 1 21 1"),
        ("Fd3m", "F d -3 m:1"),
        ("Fd3m:2", "F d -3 m:2"),
        ("I 41/amd:2", "I 41/a m d:2"),
        ("Cmce", "C m c a"),
        ("Ccce:2", "C c c a:2"),
        ("P 21/n 21/m 21/a", "P n m a"),
        ("F 4/m -3 2/m", "F m -3 m"),
        ("P -3 1 2/m", "P -3 1 m"),
        ("H -3 2/m", "R -3 m:H"),
        ("P 1-", "P -1"),
        ("P21212a", "P 21 21 2 (a)"),
        ("C 2 2 21 (a)", "C 2 2 21 (a)"),
        ("I23(a)", "I 2 3 (a)"),
        ("19", "P 21 21 21"),
        ("P 2yb", "P 1 21 1"),
        ("-P 2ybc", "P 1 21/c 1"),
        ("P 2 2", "P 2 2 2"),
        ("C 2y (x,y,-x+z)", "I 1 2 1"),
        ("Hall: P 2", "P 1 1 2"),
        ("Hall: P 21", "P 1 1 21"),
        ("x,y,z", "P 1"),
        ("x,y,z; -x,y+1/2,-z", "P 1 21 1"),
        ("-x,y+0.5,-z;", "P 1 21 1"),
        (4, "P 1 21 1"),
        (np.int32(5), "C 1 2 1"),
        (48, "P n n n:1"),
        (146, "R 3:H"),
        (1003, "P 1 1 2"),
        (4005, "I 1 2 1"),
    ],
)
def test_what_a_space_group_can_be_made_of(name, expected: str) -> None:
    assert SpaceGroup(name).name == expected
    assert SpaceGroup(SpaceGroup(name)).name == expected


def test_numbers_mean_what_they_mean_to_gemmi() -> None:
    for number in range(1, 231):
        assert SpaceGroup(number).name == gemmi.find_spacegroup_by_number(number).xhm()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "'' is not known"),
        ("P 21 21", "'P 21 21' is not known; similar names: .*P 21 21 2"),
        ("Pnmm:3", "'Pnmm:3' is not known; similar names: .*P n m m:1"),
        ("P 21 2", "is not known"),
        ("R 3:1", "is not known; similar names: .*R 3"),
        ("P 1 21 1:H", "is not known"),
        ("unknown", "is not known"),
        ("Hall: P 2q", "cannot read '2q'"),
        ("P 2y(", "lattice letter"),
        ("x,y,q", "'q'"),
        ("x,y,z;x,y", "2 expressions"),
        ("x,y,z;2x,y,z", "does not map a lattice onto itself"),
        (0, "no space group number 0"),
        (231, "no space group number 231"),
        ("231", "no space group number 231"),
        (-4, "no space group number -4"),
        (4.0, "not by 4.0"),
        (None, "not by None"),
    ],
)
def test_unknown_space_groups_are_refused(spec, message: str) -> None:
    with pytest.raises(CrystalError, match=message):
        SpaceGroup(spec)


@pytest.mark.parametrize("name", ["R 3", "H 3", "h3", "R32", "R -3 c", "R3m", "R -3 2/m"])
@pytest.mark.parametrize("angles", [(92, 92, 92), (90, 90, 120), (60, 60, 60), (90, 90, 90)])
def test_the_cell_decides_between_hexagonal_and_rhombohedral_axes(name: str, angles) -> None:
    group = SpaceGroup.from_name(name, cell=(50, 50, 50, *angles))
    assert group.extension == ("H" if angles[2] == 120 else "R")
    plain = gemmi.find_spacegroup_by_name(name.replace("2/m", "m"), angles[0], angles[2])
    assert group.name == plain.xhm()


def test_the_cell_decides_nothing_else() -> None:
    rhombohedral = (50, 50, 50, 92, 92, 92)
    assert SpaceGroup.from_name("R 3").name == "R 3:H"
    assert SpaceGroup.from_name("R 3:H", cell=rhombohedral).name == "R 3:H"
    assert SpaceGroup.from_name("R3H", cell=rhombohedral).name == "R 3:H"
    assert SpaceGroup.from_name("R 3:R", cell=(50, 50, 80, 90, 90, 120)).name == "R 3:R"
    assert SpaceGroup.from_name("P 21", cell=rhombohedral).name == "P 1 21 1"
    assert SpaceGroup.from_name("Hall: R 3", cell=rhombohedral).name == "R 3:H"
    assert SpaceGroup.from_name("R 3", cell=(0, 0, 0, 0, 0, 0)).name == "R 3:H"
    with pytest.raises(CrystalError, match="6 parameters, not 3"):
        SpaceGroup.from_name("R 3", cell=(50, 50, 50))


@given(settings, st.randoms(use_true_random=False))
def test_operations_in_any_order_make_the_group(setting, random) -> None:
    listed = triplets(setting)
    random.shuffle(listed)
    group = SpaceGroup.from_operations(listed)
    assert group == SpaceGroup(setting.xhm())
    assert group.hall == gemmi.find_spacegroup_by_ops(setting.operations()).hall
    assert group == SpaceGroup("; ".join(listed))


@given(settings)
def test_generators_are_completed_to_a_group(setting) -> None:
    generators = gemmi.generators_from_hall(setting.hall)
    ops = [Op(op.triplet()) for op in generators.sym_ops]
    ops += [Op.from_numerators(ops[0].rotation, tuple(v)) for v in generators.cen_ops]
    assert SpaceGroup.from_operations(ops) == SpaceGroup(setting.xhm())


def test_operations_of_no_space_group_are_refused() -> None:
    with pytest.raises(CrystalError, match="more than 192"):
        SpaceGroup.from_operations(["x+y,y,z"])
    with pytest.raises(CrystalError, match="more than 192"):
        SpaceGroup.from_operations([*map(str, SpaceGroup("F m -3 m").operations), "x+1/24,y,z"])
    with pytest.raises(CrystalError, match="does not map a lattice onto itself"):
        SpaceGroup.from_operations(["x/2,2y,z"])


def test_a_setting_that_is_not_tabulated() -> None:
    group = SpaceGroup.from_operations(["x+1/2,y,z", "-x,y+1/4,-z"])
    assert not group.is_tabulated
    assert not group.is_reference
    assert group.name == group.hm == group.short_name == ";".join(map(str, group.operations))
    assert (group.number, group.ccp4_number, group.hall, group.centring) == (0, 0, "", "")
    assert (group.point_group, group.crystal_system) == ("2", "monoclinic")
    assert sorted(group.centring_vectors) == [(0, 0, 0), (0, 12, 0), (12, 0, 0), (12, 12, 0)]
    assert SpaceGroup(group.name).operations == group.operations
    with pytest.raises(CrystalError, match="not tabulated; bring it to a tabulated one"):
        _ = group.to_reference
    assert SpaceGroup.from_operations(["-x,y,-z+1/24"]).centring == "P"


def test_change_of_basis_beyond_the_tables_and_back() -> None:
    group = SpaceGroup("I 41/a c d:2")
    cob = Op("x+1/24,y-1/8,x+z")
    moved = group.change_basis(cob)
    assert not moved.is_tabulated
    assert SpaceGroup(moved.name).operations == moved.operations
    assert moved.change_basis(cob.inverse()) == group


def test_change_of_basis_between_lattices() -> None:
    primitive = Op("2/3*x-y/3-z/3,x/3+y/3-2/3*z,x/3+y/3+z/3").inverse()
    assert SpaceGroup("R 3:H").change_basis(primitive).name == "R 3:R"
    assert SpaceGroup("F m -3 m").change_basis(Op("-x+y+z,x-y+z,x+y-z")).centring == "P"
    assert SpaceGroup("P 4 2 2").change_basis(Op("x/2-y/2,x/2+y/2,z")).name == "C 4 2 2"
    assert SpaceGroup("P 41").change_basis(Op("-x,-y,-z")).name == "P 43"
    with pytest.raises(CrystalError, match="axes are not lattice vectors"):
        SpaceGroup("P 1").change_basis(Op("2*x,y,z"))
    with pytest.raises(CrystalError, match="more than 192"):
        SpaceGroup("F m -3 m").change_basis(Op("x/2,y/2,z/2"))


@given(settings, settings)
def test_equality_is_that_of_the_operations(one, other) -> None:
    a, b = SpaceGroup(one.xhm()), SpaceGroup(other.xhm())
    assert (a == b) == (set(triplets(one)) == set(triplets(other)))
    if a == b:
        assert hash(a) == hash(b)


def test_two_names_of_one_setting_are_equal() -> None:
    a, b = SpaceGroup("C c c a:1"), SpaceGroup("C c c b:1")
    assert a == b
    assert hash(a) == hash(b)
    assert a.name != b.name
    assert SpaceGroup("P 21") != "P 21"
    assert len({SpaceGroup(setting.xhm()) for setting in SETTINGS}) == 560


def test_space_groups_are_values() -> None:
    for group in (SpaceGroup("C c c b:1"), SpaceGroup.from_operations(["-x,y+1/24,-z+1/3"])):
        for other in (pickle.loads(pickle.dumps(group)), copy.deepcopy(group), SpaceGroup(group)):
            assert other == group
            assert other.name == group.name
            assert hash(other) == hash(group)
        assert len(pickle.dumps(group)) < 2000
    with pytest.raises(AttributeError, match="immutable"):
        group.name = "P 1"
    assert repr(SpaceGroup(4)) == 'SpaceGroup("P 1 21 1")'


def test_arrays_of_operations() -> None:
    group = SpaceGroup("F d d 2")
    assert group.rotations.shape == (16, 3, 3)
    assert group.primitive_rotations.shape == (4, 3, 3)
    for array in (
        group.rotations,
        group.translations,
        group.primitive_rotations,
        group.primitive_translations,
    ):
        assert array.dtype == np.int32
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert group.rotations is group.rotations
    for op, rotation, translation in zip(
        group.operations, group.rotations, group.translations, strict=True
    ):
        np.testing.assert_array_equal(rotation * DEN, op.rotation)
        np.testing.assert_array_equal(translation, op.translation)
    np.testing.assert_array_equal(group.primitive_translations, group.translations[:4])


@pytest.mark.parametrize("name", ["I 41 2 2", "R -3 c:H", "F d d d:1", "P 1 1 21", "P 65 2 2"])
def test_reflections_of_a_group(name: str) -> None:
    group, ops = SpaceGroup(name), gemmi.SpaceGroup(name).operations()
    hkl = np.array(list(product(range(-5, 6), repeat=3)), dtype=np.int32)
    np.testing.assert_array_equal(group.centric(hkl), ops.centric_flag_array(hkl))
    np.testing.assert_array_equal(group.epsilon(hkl), ops.epsilon_factor_array(hkl))
    np.testing.assert_array_equal(
        group.epsilon(hkl, centering=False), ops.epsilon_factor_without_centering_array(hkl)
    )
    np.testing.assert_array_equal(group.absent(hkl), ops.systematic_absences(hkl))
    np.testing.assert_array_equal(group.absent(tuple(hkl.T)), group.absent(hkl))
    for convention in ("ccp4", "tnt"):
        np.testing.assert_array_equal(
            group.in_asu(hkl, convention), asu.in_asu(hkl, group, convention)
        )
        moved, isym = group.to_asu(hkl, convention)
        assert group.in_asu(moved, convention).all()
        reference = asu.to_asu(hkl, group, convention, group.primitive_operations)
        np.testing.assert_array_equal(moved, reference[0])
        np.testing.assert_array_equal(isym, reference[1])
    np.testing.assert_array_equal(group.centric(hkl), reflections.centric(hkl, group.rotations))


def test_names_are_listed_for_a_near_miss() -> None:
    with pytest.raises(CrystalError, match=r"P 21 21 21"):
        SpaceGroup("P 21 21 21 21")


def test_spellings_with_the_origin_as_a_letter():
    assert SpaceGroup("F d -3 m Z").name == "F d -3 m:2"
    assert SpaceGroup("F d -3 m S").name == "F d -3 m:1"
    assert SpaceGroup("I 41/a Z").name == "I 41/a:2"


def test_numbers_and_cells():
    assert SpaceGroup.from_name(146, cell=(50, 50, 50, 92, 92, 92)).name == "R 3:R"
    assert SpaceGroup.from_name("146", cell=(50, 50, 50, 90, 90, 120)).name == "R 3:H"


@pytest.mark.parametrize("text", [";", "P 21 (a,b,c)", "I 41 (a,b+1/2,c)"])
def test_what_would_be_misread_is_refused(text):
    with pytest.raises(CrystalError):
        SpaceGroup(text)
