"""`cairn evaluate barrier`: the barrier head on reactions that it was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import print_json, print_table

if TYPE_CHECKING:
    from models.barrier_data import BarrierLabels
    from models.barrier_estimates import BarrierHead
    from models.evaluation.barrier_head import BarrierHeadSummary


def barrier_command(
    data: Annotated[Path, typer.Option(help="Barrier labels, as `cairn label-barriers` writes them.")],
    split: Annotated[str, typer.Option(help="Any value of the file's `split`, such as val or test.")] = "test",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights of the barrier head; default the shipped ones.")
    ] = None,
    reject_above: Annotated[
        float, typer.Option("--reject-above", min=0.0, help="Barriers above this are hopeless, kcal/mol.")
    ] = 80.0,
    limit: Annotated[int | None, typer.Option(min=1, help="So many reactions of the split, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how far the barrier head is off, beside the cheap level alone, with true and with generated candidates.

    The JSON: `data`, `split`, `seed`, `level` (the cheap one), `reference`, `checkpoint` (SHA-256), `calibrated_on`,
    `reject_above_kcal_mol`, `candidates_per_second`, `device`; `true` and `generated`, each null where the file has no
    such candidates, with `n`, `mae_kcal_mol`, `median_kcal_mol`, `uncorrected_mae_kcal_mol` and
    `uncorrected_median_kcal_mol` of the cheap level, `shifted_mae_kcal_mol` of it with one correction for all;
    `coverage` and `half_width_mean_kcal_mol` of the 95 % bar, `rank_correlation` of bar and error; `good` reactions up
    to the rejection, `rejected_share` of all whose whole bar lies above, `good_lost_share` of the good ones among
    them, `rejected_by_mean_share` and `good_lost_by_mean_share` without regard to the bar, and
    `uncorrected_good_lost_share` by the cheap level. In means, errors above 50 kcal/mol count as 50.

    Example:

        cairn evaluate barrier --data barrier_labels.npz --checkpoint runs/barrier/weights.safetensors --json
    """
    from models.barrier_data import read_barrier_labels  # noqa: PLC0415
    from models.barrier_estimates import BarrierHead  # noqa: PLC0415

    head, labels = BarrierHead(checkpoint, device), read_barrier_labels(data)
    record = {
        "data": str(data),
        "split": split,
        "seed": seed,
        **head_record(head, labels, split, reject_above, limit, seed),
    }
    if json_only:
        print_json(record)
        return
    kinds = [kind for kind in ("true", "generated") if record[kind] is not None]
    rows = [
        (name.replace("_kcal_mol", ", kcal/mol").replace("_", " "), *(_shown(record[kind][name]) for kind in kinds))
        for name in record[kinds[0]]
    ]
    title = f"barriers of {split} against {record['reference']}, from {record['level']}"
    print_table(title, ("", *(f"{kind} candidates" for kind in kinds)), rows)


def head_record(
    head: BarrierHead, labels: BarrierLabels, split: str, reject_above: float, limit: int | None, seed: int
) -> dict[str, Any]:
    """What is measured, as in the JSON of `cairn evaluate barrier`.

    Raises:
        ConfigurationError: The labels are of another level than the head.
        InputError: The split has no candidates.
    """
    import numpy as np  # noqa: PLC0415

    from chem.errors import InputError  # noqa: PLC0415
    from models.barrier_data import GENERATED, TRUE, collate_candidates  # noqa: PLC0415
    from models.evaluation.barrier_head import evaluate_head  # noqa: PLC0415

    head.check_level(labels.level)
    found: dict[str, BarrierHeadSummary] = {}
    pace = 0.0
    for kind in (TRUE, GENERATED):
        every = labels.entries(split, (kind,))
        order = np.random.default_rng(seed).permutation(len(every))[:limit].tolist()
        if every:
            chosen = collate_candidates([every[place] for place in order])
            found[kind], pace = evaluate_head(head, chosen, reject_above)
    if not found:
        known = ", ".join(sorted({each.split for each in labels.reactions}))
        raise InputError(f"the file holds no candidates of the split {split!r}, only of {known}")
    return {
        "level": labels.level,
        "reference": labels.reference,
        "checkpoint": head.checkpoint.sha256,
        "calibrated_on": head.checkpoint.card["calibrated_on"],
        "reject_above_kcal_mol": reject_above,
        "candidates_per_second": round(pace, 1),
        "device": head.device.type,
        **{kind: found[kind].plain() if kind in found else None for kind in (TRUE, GENERATED)},
    }


def _shown(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"
