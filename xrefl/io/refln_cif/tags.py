"""What the columns of reflection tables in CIF files hold.

After the PDBx/mmCIF dictionary (categories ``refln`` and ``diffrn_refln``,
https://mmcif.wwpdb.org) and the core CIF dictionary of the IUCr, version 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["INDEX_TAGS", "TagInfo", "tag_info"]

Kind = Literal["number", "integer", "text"]


@dataclass(frozen=True, slots=True)
class TagInfo:
    """What a tag stands for.

    Attributes
    ----------
    kind : {"number", "integer", "text"}
        What the dictionary says its values are.
    mtz_type : str
        Type of the MTZ column that holds the same, one letter; "" where there is none.
    long_name : str
        What a plot or a table would call it.
    units : str
        Empty for counts, ratios, and where the scale is arbitrary.
    """

    kind: Kind
    mtz_type: str
    long_name: str
    units: str = ""


def tag_info(name: str) -> TagInfo | None:
    """Return what a column holds, None where the dictionaries do not know its name.

    Parameters
    ----------
    name : str
        Tag without its category, in any case, such as ``"F_meas_au"``.

    Examples
    --------
    >>> tag_info("phase_calc")
    TagInfo(kind='number', mtz_type='P', long_name='calculated phase', units='degree')
    >>> tag_info("favourite_colour") is None
    True
    """
    return _TAGS.get(name.lower())


def _with_sigma(names: str, sigmas: str, mtz_types: tuple[str, str], long_name: str) -> _Table:
    value_type, sigma_type = mtz_types
    found = {name: TagInfo("number", value_type, long_name) for name in names.split()}
    sigma = TagInfo("number", sigma_type, f"standard deviation of {long_name}")
    return found | {name: sigma for name in sigmas.split()}


def _alike(names: str, kind: Kind, mtz_type: str, long_name: str, units: str = "") -> _Table:
    return {name: TagInfo(kind, mtz_type, long_name, units) for name in names.split()}


_Table = dict[str, TagInfo]

INDEX_TAGS = ("index_h", "index_k", "index_l")

_TAGS: _Table = (
    _with_sigma(
        "F_meas F_meas_au",
        "F_meas_sigma F_meas_sigma_au F_meas_uncorrected_sigma F_sigma",
        ("F", "Q"),
        "measured amplitude",
    )
    | _with_sigma("intensity_meas", "intensity_sigma intensity_u", ("J", "Q"), "measured intensity")
    | _alike("intensity_net", "number", "J", "net intensity")
    | _with_sigma("F_squared_meas", "F_squared_sigma", ("J", "Q"), "measured squared amplitude")
    | _with_sigma("pdbx_F_plus", "pdbx_F_plus_sigma", ("G", "L"), "amplitude of hkl")
    | _with_sigma("pdbx_F_minus", "pdbx_F_minus_sigma", ("G", "L"), "amplitude of -h-k-l")
    | _with_sigma("pdbx_I_plus", "pdbx_I_plus_sigma", ("K", "M"), "intensity of hkl")
    | _with_sigma("pdbx_I_minus", "pdbx_I_minus_sigma", ("K", "M"), "intensity of -h-k-l")
    | _with_sigma(
        "pdbx_anom_difference", "pdbx_anom_difference_sigma", ("D", "Q"), "anomalous difference"
    )
    | _alike("F_calc F_calc_au", "number", "F", "calculated amplitude")
    | _alike("F_squared_calc", "number", "J", "calculated squared amplitude")
    | _alike("intensity_calc", "number", "J", "calculated intensity")
    | _alike("pdbx_FWT", "number", "F", "weighted map amplitude")
    | _alike("pdbx_DELFWT", "number", "F", "weighted difference map amplitude")
    | _alike("pdbx_F_calc_part_solvent", "number", "F", "calculated amplitude of solvent")
    | _alike("pdbx_F_calc_with_solvent", "number", "F", "calculated amplitude with solvent")
    | _alike("pdbx_fom_weighted_fmap", "number", "F", "amplitude times figure of merit")
    | _alike("phase_calc", "number", "P", "calculated phase", "degree")
    | _alike("phase_meas", "number", "P", "measured phase", "degree")
    | _alike("phase_part", "number", "P", "phase of a partial structure", "degree")
    | _alike("pdbx_phase_cycle", "number", "P", "phase of a refinement cycle", "degree")
    | _alike("pdbx_PHWT", "number", "P", "weighted map phase", "degree")
    | _alike("pdbx_DELPHWT", "number", "P", "weighted difference map phase", "degree")
    | _alike("pdbx_phase_calc_part_solvent", "number", "P", "phase of solvent", "degree")
    | _alike("pdbx_phase_calc_with_solvent", "number", "P", "phase with solvent", "degree")
    | _alike("fom", "number", "W", "figure of merit")
    | _alike("weight", "number", "W", "weight")
    | _alike(
        "pdbx_HL_A_iso pdbx_HL_B_iso pdbx_HL_C_iso pdbx_HL_D_iso",
        "number",
        "A",
        "Hendrickson-Lattman coefficient",
    )
    | _alike("A_meas A_meas_au", "number", "R", "measured real part")
    | _alike("B_meas B_meas_au", "number", "R", "measured imaginary part")
    | _alike("A_calc A_calc_au", "number", "R", "calculated real part")
    | _alike("B_calc B_calc_au", "number", "R", "calculated imaginary part")
    | _alike("pdbx_cos_phase_calc pdbx_sin_phase_calc", "number", "R", "part of a phase factor")
    | _alike("pdbx_cos_fmap pdbx_sin_fmap", "number", "R", "part of a map coefficient")
    | _alike("d_spacing", "number", "R", "d spacing", "Å")
    | _alike("sint_over_lambda sint/lambda", "number", "R", "sin(theta)/lambda", "Å^-1")
    | _alike("mean_path_length_tbar", "number", "R", "mean path length", "mm")
    | _alike("wavelength", "number", "R", "wavelength", "Å")
    | _alike("pdbx_scan_angle", "number", "R", "scan angle", "degree")
    | _alike("pdbx_detector_x pdbx_detector_y", "number", "R", "position on the detector")
    | _alike(
        "angle_chi angle_kappa angle_omega angle_phi angle_psi angle_theta scan_width",
        "number",
        "R",
        "angle",
        "degree",
    )
    | _alike("counts_bg_1 counts_bg_2 counts_net counts_peak counts_total", "number", "R", "counts")
    | _alike("index_h index_k index_l", "integer", "H", "Miller index")
    | _alike("symmetry_epsilon", "integer", "I", "epsilon factor")
    | _alike("symmetry_multiplicity", "integer", "I", "multiplicity")
    | _alike("pdbx_r_free_flag", "integer", "I", "free flag")
    | _alike("pdbx_image_id", "integer", "", "image number")
    | _alike("id", "integer", "", "number of the row")
    | _alike("status observed_status", "text", "", "status: o, f, x, <, h or l")
    | _alike("include_status refinement_status", "text", "", "status in refinement")
    | _alike("crystal_id", "text", "", "id of the crystal")
    | _alike("wavelength_id", "text", "", "id of the wavelength")
    | _alike("diffrn_id", "text", "", "id of the diffraction experiment")
    | _alike("scale_group_code", "text", "", "code of the scale group")
    | _alike("class_code standard_code", "text", "", "code of a class of reflections")
)
_TAGS = {name.lower(): info for name, info in _TAGS.items()}
