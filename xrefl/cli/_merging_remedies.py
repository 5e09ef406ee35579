"""What helps where observations cannot be merged or joined, as options."""

from __future__ import annotations

__all__ = ["OF_MERGING"]

OF_MERGING = (
    # columns
    (r"intensity= and sigma=", "--intensity and --sigma"),
    (r"; give one attrs\['mtz_type'\] = 'B'", "; --dataset and --partials sum need one"),
    (
        r"; name the one that counts images, batch=\.\.\.",
        "; without one there are no statistics by batch",
    ),
    (
        r"; name the column that counts images, batch=\.\.\.(, or leave .*)?",
        "; leave --batches out",
    ),
    # data sets
    (
        r"\. Runs, which the coordinate 'dataset' tells apart, are chosen before, .*",
        ". Runs of a Zarr store are chosen with --run",
    ),
    (
        r"are not there \(coordinate 'batch_dataset_id'\); without dataset= all",
        "are not there; without --dataset all",
    ),
    (r"dataset=, or, if they .*? with ds\.drop_vars\('dataset_wavelength'\)", "--dataset"),
    (
        r"when opening the file, select=\{\"wavelength_id\": \.\.\.\}, or, if they .*",
        "with --select wavelength_id=ID",
    ),
    (
        r"with dataset= or after choosing .*? ds\.drop_\w+\('\w+'\)",
        "with --dataset, or from files of their own",
    ),
    # runs of a store
    (
        r"has no coordinate 'dataset' that tells runs apart; write each .*",
        "does not tell runs apart; leave --run out",
    ),
    (
        r"open it whole and call \.xtal\.assign_crystal\(cell=\.\.\.\)",
        "leave --dmin and --dmax out, or give --cell and write the store anew",
    ),
    # partial observations
    (
        r"partials=\"sum\" adds the parts of an observation up, \"exclude\" leaves them out, "
        r"\"keep\" takes",
        "--partials sum adds the parts of an observation up, --partials exclude leaves them out, "
        "--partials keep takes",
    ),
    (r"partials=\"(\w+)\"", r"--partials \1"),
    # batches
    (
        r"; join batch headers along 'batch', or leave them out with \.drop_dims\('batch'\)",
        "; leave --batches out",
    ),
    (
        r"; (add their headers along 'batch'|renumber the batches of one of the runs), or leave "
        r"headers out with \.drop_dims\('batch'\)",
        "; leave --batches out",
    ),
    # several files
    (
        r", but no batch headers along 'batch' that tell .*",
        ", but no headers of batches; merge it alone",
    ),
    (r", or \.xtal\.reindex it if only the axes differ", ", or bring it to the same axes first"),
    (
        r"; give it the same with \.xtal\.assign_crystal\(spacegroup=\.\.\.\)",
        "; give files in the same space group",
    ),
    (
        r"; call \.xtal\.to_asu_hkl\(\) or \.xtal\.to_original_hkl\(\) on one of them",
        "; merge them one by one, or bring them to the same kind first",
    ),
    (
        r"M/ISYM counts the symmetry_operations (?:\[.*?\]|None) in (.*), but (?:\[.*?\]|None) in "
        r"(.*); call \.xtal\.to_original_hkl\(\) on both.*",
        r"M/ISYM counts other symmetry operations in \1 than in \2, or is in one of them alone; "
        "merge them one by one, or bring both to one format first, with xrefl cif2mtz or mtz2cif",
    ),
    (r"; give it the same, or rename one of them and drop it", "; give files that agree in this"),
    (
        r"; make it numbers or text in both, ds\.assign\(.*?\.\.\.\)\)",
        "; give files that agree in this",
    ),
    (
        r"; drop it, or give it a value in each row: ds\.assign_coords\(.*?\* ds\.h\)",
        "; give files that agree in this",
    ),
    # the crystal
    (r"; or do not divide by resolution, shells=None", ""),
    (r"Leave such observations out first, ds\.xtal\.sel_resolution\(dmin=\.\.\.\)", "Add --dmin"),
    (
        r"; drop those without one first, for instance with \.where\(\.\.\., drop=True\)",
        "; take them out of the file first",
    ),
    # what is left of options
    (r"\b(intensity|sigma|spacegroup)=\.\.\.", r"--\1"),
)
