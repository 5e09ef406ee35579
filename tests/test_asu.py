import re

import gemmi
import numpy as np
import pytest

from xrefl.crystal import asu
from xrefl.crystal.asu import condition, conditions, in_asu, to_asu
from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError

SETTINGS = list(gemmi.spacegroup_table())
HKL = np.mgrid[-6:7, -6:7, -6:7].reshape(3, -1).T.astype(np.int32)
CONVENTIONS = {"ccp4": False, "tnt": True}
LAUE_CLASSES = sorted({s.laue_str() for s in SETTINGS})


def is_along_reference(setting):
    """Tell whether the axes are those of the reference setting; the origin does not matter."""
    return setting.basisop.rot == gemmi.Op("x,y,z").rot


def evaluated(text, hkl):
    """Evaluate a condition in the indices themselves."""
    code = re.sub(r"(?<![<>=])=(?!=)", "==", text)
    compiled = compile(code, text, "eval")
    return [bool(eval(compiled, {}, dict(zip("hkl", index, strict=True)))) for index in hkl]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("laue", LAUE_CLASSES)
def test_every_setting_agrees_with_gemmi(laue, convention):
    indices = HKL.tolist()
    for setting in SETTINGS:
        # in the convention of TNT gemmi does not go to the reference setting
        if setting.laue_str() != laue or (convention == "tnt" and not is_along_reference(setting)):
            continue
        group = SpaceGroup(setting.xhm())
        theirs = gemmi.ReciprocalAsu(setting, tnt=CONVENTIONS[convention])
        operations = setting.operations()
        ops = [Op(op.triplet()) for op in operations.sym_ops]
        inside = in_asu(HKL, group, convention)
        assert inside.tolist() == [theirs.is_in(index) for index in indices], group
        hkl, isym = to_asu(HKL, group, convention, ops)
        expected = [theirs.to_asu(index, operations) for index in indices]
        assert hkl.tolist() == [index for index, _ in expected], group
        assert isym.tolist() == [number for _, number in expected], group


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_other_settings_are_those_of_the_reference_setting(convention):
    for setting in SETTINGS:
        if setting.is_reference_setting():
            continue
        reference = gemmi.find_spacegroup_by_number(setting.number)
        if setting.crystal_system_str() == "trigonal":
            reference = gemmi.SpaceGroup(setting.hm + ":H")
        theirs = gemmi.ReciprocalAsu(reference, tnt=CONVENTIONS[convention])
        sample = HKL[::31]
        numerators = sample @ np.array(setting.basisop.rot)
        expected = [theirs.is_in(index) for index in numerators.tolist()]
        assert in_asu(sample, SpaceGroup(setting.xhm()), convention).tolist() == expected


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_conditions_as_text_mean_the_same(convention):
    for setting in SETTINGS[::5]:
        group = SpaceGroup(setting.xhm())
        sample = HKL[::7]
        text = condition(group, convention)
        assert evaluated(text, sample.tolist()) == in_asu(sample, group, convention).tolist(), text


def test_text_agrees_with_that_of_gemmi_in_reference_settings():
    for setting in SETTINGS:
        if not setting.is_reference_setting():
            continue
        group = SpaceGroup(setting.xhm())
        for convention, tnt in CONVENTIONS.items():
            theirs = gemmi.ReciprocalAsu(setting, tnt=tnt).condition_str()
            sample = HKL[::29].tolist()
            assert evaluated(condition(group, convention), sample) == evaluated(theirs, sample)


@pytest.mark.parametrize(
    ("name", "convention", "text"),
    [
        ("P 1", "ccp4", "l>0 or (l=0 and (h>0 or (h=0 and k>=0)))"),
        ("P 1 21 1", "ccp4", "k>=0 and (l>0 or (l=0 and h>=0))"),
        ("P 3", "ccp4", "h>=0 and (k>0 or (k=0 and (h<0 or (h=0 and l>=0))))"),
        ("P 3 2 1", "ccp4", "k>=0 and (h>k or (h=k and l>=0))"),
        ("P 3 1 2", "ccp4", "h>=k and (k>0 or (k=0 and l>=0))"),
        ("P 2 3", "ccp4", "h>=0 and l>=h and (k>h or (k=h and h>=l))"),
        ("P 4 3 2", "ccp4", "k>=l and l>=h and h>=0"),
        ("P 4 3 2", "tnt", "h>=k and k>=l and l>=0"),
        ("P 1 1 21", "ccp4", "l>=0 and (h>0 or (h=0 and k>=0))"),
    ],
)
def test_condition_is_readable(name, convention, text):
    assert condition(SpaceGroup(name), convention) == text


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("laue", LAUE_CLASSES)
def test_exactly_one_of_each_set_of_equivalents_is_inside(laue, convention):
    sample = HKL[::5]
    for setting in SETTINGS:
        if setting.laue_str() != laue:
            continue
        group = SpaceGroup(setting.xhm())
        rotations = np.concatenate([group.primitive_rotations, -group.primitive_rotations])
        images = np.einsum("ni,gij->gnj", sample, rotations)
        inside = in_asu(images.reshape(-1, 3), group, convention).reshape(images.shape[:2])
        assert inside.any(axis=0).all(), group
        indices, _ = to_asu(sample, group, convention)
        unlike = (images != indices).any(axis=2)
        assert not (inside & unlike).any(), group


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_isym_tells_how_to_go_back(convention):
    group = SpaceGroup("P 43 21 2")
    indices, isym = group.to_asu(HKL, convention)
    assert indices.dtype == isym.dtype == np.int32
    assert indices.shape == HKL.shape
    signs = np.where(isym % 2 == 1, 1, -1)
    rotations = group.primitive_rotations[(isym - 1) // 2]
    np.testing.assert_array_equal(signs[:, None] * np.einsum("ni,nij->nj", HKL, rotations), indices)
    assert group.in_asu(indices, convention).all()
    again, ones = group.to_asu(indices, convention)
    np.testing.assert_array_equal(again, indices)
    assert (ones == 1).all()


def test_threads_and_one_slice_give_the_same(monkeypatch):
    group, hkl = SpaceGroup("I 4 3 2"), np.tile(HKL, (10, 1))
    monkeypatch.setenv("XREFL_NUM_THREADS", "1")
    inside, (indices, isym) = group.in_asu(hkl), group.to_asu(hkl)
    monkeypatch.setenv("XREFL_NUM_THREADS", "3")
    monkeypatch.setattr(asu, "_MIN_ROWS", 1000)
    np.testing.assert_array_equal(group.in_asu(hkl), inside)
    np.testing.assert_array_equal(group.to_asu(hkl)[0], indices)
    np.testing.assert_array_equal(group.to_asu(hkl)[1], isym)


def test_unknown_convention():
    with pytest.raises(CrystalError, match=r"convention 'xds' .* 'ccp4', 'tnt'"):
        in_asu(HKL, SpaceGroup("P 1"), "xds")


def test_operations_that_do_not_suffice():
    with pytest.raises(CrystalError, match="none of the 1 operations brings reflection"):
        to_asu(HKL, SpaceGroup("P 2 2 2"), operations=[Op("x,y,z")])


def test_untabulated_setting():
    group = SpaceGroup("x,y,z; y,x,-z")
    with pytest.raises(CrystalError, match="not tabulated"):
        in_asu(HKL, group)


def test_conditions_are_computed_once_and_read_only():
    group = SpaceGroup("P 21 21 21")
    assert conditions(group) is conditions(SpaceGroup("P212121"))
    with pytest.raises(ValueError, match="read-only"):
        conditions(group)[0, 0, 0] = 5
