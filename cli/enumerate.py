"""`cairn enumerate`: the elementary reactions of a molecule or a reacting system."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.output import print_json, print_table


def enumerate_command(
    smiles: Annotated[
        list[str],
        typer.Argument(metavar="SMILES", help="One molecule, or several that react with each other."),
    ],
    break_bonds: Annotated[
        int,
        typer.Option("--break", min=1, max=4, help="Most electron-pair bonds broken at once; a double bond has two."),
    ] = 2,
    form_bonds: Annotated[
        int, typer.Option("--form", min=1, max=4, help="Most electron-pair bonds formed at once.")
    ] = 2,
    depth: Annotated[int, typer.Option(min=1, help="Steps from the start; each new species is expanded alone.")] = 1,
    multiplicity: Annotated[
        int | None, typer.Option(min=1, help="Spin multiplicity 2S+1 of the whole; by default the lowest that fits.")
    ] = None,
    carbenes: Annotated[bool, typer.Option("--carbenes", help="Allow products with divalent carbon.")] = False,
    zwitterions: Annotated[bool, typer.Option("--zwitterions", help="Allow charges within a molecule.")] = False,
    degenerate: Annotated[
        bool, typer.Option("--degenerate", help="Keep reactions that only exchange like atoms.")
    ] = False,
    minimum_ring_size: Annotated[int, typer.Option(min=3, max=12, help="Smallest ring that a reaction may close.")] = 3,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")] = False,
) -> None:
    """List the elementary reactions of a molecule, or of several as one reacting system.

    Broken and formed bonds are pairs of atom-map numbers of the mapped SMILES; a bond that only changes its order is
    not listed. The degeneracy is the number of symmetry-equivalent atom maps that share the key.

    Examples:

        cairn enumerate O=CCCOO

        cairn enumerate C=C C=CC=C --json
    """
    from chem.enumeration import EnumerationRules  # noqa: PLC0415
    from chem.expansion import expand  # noqa: PLC0415
    from chem.smiles import parse_smiles  # noqa: PLC0415

    rules = EnumerationRules(
        break_bonds=break_bonds,
        form_bonds=form_bonds,
        carbenes=carbenes,
        zwitterions=zwitterions,
        degenerate=degenerate,
        minimum_ring_size=minimum_ring_size,
    )
    seed = parse_smiles(".".join(each.strip() for each in smiles), multiplicity=multiplicity)
    records = [_record(reaction, step) for reaction, step in expand(seed, rules, depth)]
    if json_lines:
        for record in records:
            print_json(record)
        return
    print_table(
        f"{len(records)} reactions of {' + '.join(smiles)}",
        ("products", "broken", "formed", "maps", "key")
        if depth == 1
        else ("reaction", "broken", "formed", "maps", "key"),
        [
            (
                " + ".join(record["products"])
                if depth == 1
                else f"{' + '.join(record['reactants'])} -> {' + '.join(record['products'])}",
                _bonds(record["broken"]),
                _bonds(record["formed"]),
                record["degeneracy"],
                record["key"],
            )
            for record in sorted(records, key=lambda each: (each["depth"], each["reactants"], each["products"]))
        ],
        right=("maps",),
    )


def _record(reaction: Any, step: int) -> dict[str, Any]:
    from chem.identity import mapped_smiles  # noqa: PLC0415

    return {
        "key": reaction.key,
        "reactants": [species.smiles for species in reaction.reactants],
        "products": [species.smiles for species in reaction.products],
        "mapped_smiles": mapped_smiles(reaction),
        "broken": [[i + 1, j + 1] for i, j in reaction.broken],
        "formed": [[i + 1, j + 1] for i, j in reaction.formed],
        "degeneracy": reaction.degeneracy,
        "depth": step,
    }


def _bonds(pairs: list[list[int]]) -> str:
    return " ".join(f"{i}-{j}" for i, j in pairs) or "none"
