"""Unmerged observations with known errors, and their statistics by loops over them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import xarray as xr

import xrefl

CELL = (40.0, 50.0, 60.0, 90.0, 90.0, 90.0)


def observed(
    n: int = 3000,
    *,
    dmin: float = 8.0,
    group: str = "P 21 21 2",
    seed: int = 0,
    level: float = 0.0,
    anomalous: float = 5.0,
    cell: tuple[float, ...] = CELL,
) -> xr.Dataset:
    """Return observations of equivalents of random reflections, in random order."""
    rng = np.random.default_rng(seed)
    hkl = xrefl.miller_indices(cell, group, dmin)
    true, difference = rng.exponential(50, len(hkl)) + level, rng.normal(0, anomalous, len(hkl))
    rows, sign = rng.integers(len(hkl), size=n), rng.choice([1, -1], n)
    operations = xrefl.SpaceGroup(group).primitive_rotations
    rotation = operations[rng.integers(len(operations), size=n)]
    indices = np.einsum("ni,nij->nj", hkl[rows], rotation) * sign[:, None]
    sigma = rng.uniform(3, 15, n)
    acentric = ~xrefl.SpaceGroup(group).centric(hkl[rows])
    values = true[rows] + difference[rows] * sign * acentric + rng.normal(size=n) * sigma
    return xr.Dataset(
        {
            "I": ("obs", values, {"mtz_type": "J"}),
            "SIGI": ("obs", sigma, {"mtz_type": "Q"}),
        },
        {name: ("obs", indices[:, i].astype(np.int32)) for i, name in enumerate("hkl")},
        {"cell": cell, "spacegroup": group},
    )


def groups(ds: xr.Dataset, *, separate: bool) -> dict[tuple, tuple[np.ndarray, np.ndarray]]:
    """Return intensities and σ of each reflection, by its indices and whether it is the mate."""
    group = xrefl.SpaceGroup(ds.attrs["spacegroup"])
    hkl = np.stack([ds[name].values for name in "hkl"], axis=1)
    equivalents, isym = group.to_asu(hkl)
    minus = (isym % 2 == 0) & ~group.centric(hkl) & separate
    found = defaultdict(list)
    for index, mate, value, sigma in zip(
        equivalents.tolist(), minus.tolist(), ds.I.values, ds.SIGI.values, strict=True
    ):
        found[*index, mate].append((value, sigma))
    return {key: tuple(np.array(rows).T) for key, rows in sorted(found.items())}


def mean_and_spread(values: np.ndarray, sigma: np.ndarray, weighted: bool) -> tuple[float, float]:
    """Return the mean of observations, and s²/n, the variance of the mean by their scatter."""
    weights = 1 / sigma**2 if weighted else np.ones(len(sigma))
    n, mean = len(values), np.average(values, weights=weights)
    if n == 1:
        return mean, np.nan
    return mean, np.average((values - mean) ** 2, weights=weights) / (n - 1)


def sigma_tau(means: list[float], spreads: list[float]) -> float:
    """Return CC1/2 as Assmann, Brehm & Diederichs (2016) have it, of two variances."""
    variance, half = np.var(means, ddof=1), np.mean(spreads)
    return (variance - half) / (variance + half)


def by_loops(ds: xr.Dataset, *, separate: bool, weighting: str) -> dict[str, float]:
    """Return overall statistics of merging, each straight from its definition."""
    weighted = weighting != "unweighted"
    observations = groups(ds, separate=separate)
    top = dict.fromkeys(("r_merge", "r_meas", "r_pim"), 0.0)
    divisor, chi_square, freedom = 0.0, 0.0, 0
    means, spreads, intensities, ratios = [], [], [], []
    for values, sigma in observations.values():
        n = len(values)
        merged, error = np.average(values, weights=sigma**-2), np.sum(sigma**-2) ** -0.5
        intensities.append(merged)
        ratios.append(merged / error)
        if n == 1:
            continue
        mean, spread = mean_and_spread(values, sigma, weighted)
        means.append(mean)
        spreads.append(spread)
        deviation = np.abs(values - mean).sum()
        top["r_merge"] += deviation
        top["r_meas"] += np.sqrt(n / (n - 1)) * deviation
        top["r_pim"] += np.sqrt(1 / (n - 1)) * deviation
        divisor += n * mean if weighting == "aimless" else values.sum()
        chi_square += ((values - merged) ** 2 / sigma**2).sum()
        freedom += n - 1
    return {
        **{name: value / divisor for name, value in top.items()},
        "n_repeated": len(means),
        "cc_half": sigma_tau(means, spreads),
        "mean_intensity": np.mean(intensities),
        "i_over_sigma": np.mean(ratios),
        "i_over_sigma_observed": np.mean(ds.I.values / ds.SIGI.values),
        "chi_square": chi_square / freedom,
        **_of_pairs(ds, weighted),
    }


def _of_pairs(ds: xr.Dataset, weighted: bool) -> dict[str, float]:
    apart = groups(ds, separate=True)
    pairs = [
        (apart[*key[:3], False], mate)
        for key, mate in apart.items()
        if key[3] and (*key[:3], False) in apart
    ]
    signal, sig_ano, differences, spreads = [], [], [], []
    for mates in pairs:
        merged = [np.average(values, weights=sigma**-2) for values, sigma in mates]
        errors = [np.sum(sigma**-2) ** -0.5 for _, sigma in mates]
        signal.append(abs(merged[0] - merged[1]) / np.hypot(*errors))
        if min(merged) > 0:
            amplitudes = np.sqrt(merged)
            error = np.hypot(*(np.array(errors) / (2 * amplitudes)))
            sig_ano.append(abs(amplitudes[0] - amplitudes[1]) / error)
        if min(len(values) for values, _ in mates) > 1:
            plus, minus = (mean_and_spread(*mate, weighted) for mate in mates)
            differences.append(plus[0] - minus[0])
            spreads.append(plus[1] + minus[1])
    return {
        "n_pairs": len(pairs),
        "anomalous_multiplicity": np.mean([len(mate[0]) for pair in pairs for mate in pair]),
        "anomalous_signal": np.mean(signal),
        "sig_ano": np.mean(sig_ano),
        "cc_anom": sigma_tau(differences, spreads),
    }
