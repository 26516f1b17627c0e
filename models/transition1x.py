"""Reading Transition1x (10.1038/s41597-022-01870-w): reactions found by nudged elastic bands, in one HDF5 file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chem.errors import ConfigurationError, InputError
from models.reaction_data import TRAIN, ReactionData, Structure, reaction_from

SPLITS = ("train", "val", "test")
ALL = "data"


def read_transition1x(path: Path) -> ReactionData:
    """Read the ends and the transition state of every reaction.

    The file holds groups `train`, `val` and `test` (where there are none, `data`, all for training). Below them lie
    `FORMULA/REACTION/{reactant,transition_state,product}`, each with `positions` (1, n_atoms, 3) in Angstrom and
    `atomic_numbers` (n_atoms,), here or one level above. A reaction's identifier is `FORMULA/REACTION`.

    Raises:
        ConfigurationError: h5py is not installed.
        InputError: The file is no HDF5 file, lacks a group, or a reaction is not whole.
    """
    try:
        import h5py  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(f"{path} needs h5py: pip install 'cairn[data]', or pip install h5py") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path} is no HDF5 file that can be read: {error}; download it again") from error
    with file:
        groups = [(split, file[split]) for split in SPLITS if split in file]
        groups = groups or [(TRAIN, file[ALL])] if groups or ALL in file else []
        if not groups:
            raise InputError(f"{path} has none of the groups {', '.join((*SPLITS, ALL))}; give Transition1x's own file")
        reactions, splits, names = [], [], []
        for split, group in groups:
            for formula in group:
                for reaction in group[formula]:
                    where = f"{path}, {split}/{formula}/{reaction}"
                    own = group[formula][reaction]
                    reactant, ts, product = (
                        _structure(where, own, name) for name in ("reactant", "transition_state", "product")
                    )
                    reactions.append(reaction_from(where, reactant, ts, product))
                    splits.append(split)
                    names.append(f"{formula}/{reaction}")
    if not reactions:
        raise InputError(f"{path} holds no reactions; download it again")
    return ReactionData(
        reactions=tuple(reactions),
        splits=np.array(splits, dtype=str),
        identifiers=np.array(names, dtype=str),
        smiles=("",) * len(reactions),
    )


def _structure(where: str, reaction: Any, name: str) -> Structure:
    """The first, and by the format only, frame of a group."""
    if name not in reaction or "positions" not in reaction[name]:
        raise InputError(f"{where}: there is no {name}/positions; leave the reaction out")
    own = reaction[name]
    holder = own if "atomic_numbers" in own else reaction
    if "atomic_numbers" not in holder:
        raise InputError(f"{where}: {name} has no atomic_numbers; leave the reaction out")
    positions = np.asarray(own["positions"], dtype=np.float64)
    return Structure(
        numbers=np.asarray(holder["atomic_numbers"], dtype=np.int64),
        positions=positions[0] if positions.ndim == 3 else positions,
    )
