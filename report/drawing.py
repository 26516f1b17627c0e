"""Line drawings of molecules and of the two sides of a reaction, as SVG.

RDKit draws every molecule at one scale, so that bonds are equally long all over a report; the colours follow Okabe and
Ito, which colour-blind readers tell apart: broken bonds vermilion, formed bonds blue. Carbon, hydrogen and bonds are
drawn in `currentColor`, so that a page in the dark shows them light.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem.Draw import rdMolDraw2D

BROKEN = (0.835, 0.369, 0.0)  # vermilion, red-green-blue in [0, 1]
FORMED = (0.0, 0.447, 0.698)  # blue
PIXELS_PER_ANGSTROM = 24.0
_INK = (0.067, 0.067, 0.067)  # stands for `currentColor` until the SVG text is rewritten
_INK_HEX = "#111111"
_HETERO = {7: (0.0, 0.447, 0.698), 8: (0.80, 0.30, 0.0), 16: (0.60, 0.46, 0.0), 15: (0.80, 0.40, 0.0)}
_HALOGENS = (9, 17, 35, 53)
_PATHS_ONLY = re.compile(
    r"(<path d='[-+MLHVCQAZmlhvcqaz0-9., ]*'( (fill|stroke)='(none|currentColor|#[0-9A-F]{6})')*/>)*"
)
LONGEST_DRAWN = 600  # characters of a SMILES; RDKit takes seconds for the layout of long ones

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A molecule as the inside of an SVG element.

    Attributes:
        width: Width, pixels.
        height: Height, pixels.
        body: SVG elements for a parent with `fill="none"` and `stroke-width="1.4"`: paths alone, which is checked, so
            that no text of anybody enters a page as markup.
    """

    width: float
    height: float
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionDrawing:
    """Both sides of a reaction with their changed bonds highlighted; `broken` and `formed` count these bonds."""

    reactants: Drawing
    products: Drawing
    broken: int
    formed: int


def draw_species(smiles: str) -> Drawing | None:
    """Draw a molecule from its SMILES; None when RDKit cannot read it, which callers show as text."""
    with _quiet_rdkit():
        molecule = _parse(smiles, remove_hydrogens=True)
        return None if molecule is None else _draw(molecule, [], _INK)


def draw_reaction(mapped_smiles: str) -> ReactionDrawing | None:
    """Draw an atom-mapped reaction SMILES `reactants>>products`, or None when it cannot be read.

    Hydrogens that take no part are left implicit; bonds that only one side has are highlighted.
    """
    sides = mapped_smiles.split(">")
    if len(sides) != 3:
        return None
    with _quiet_rdkit():
        reactants, products = (_parse(side, remove_hydrogens=False) for side in (sides[0], sides[2]))
        if reactants is None or products is None:
            return None
        before, after = _mapped_bonds(reactants), _mapped_bonds(products)
        broken, formed = before - after, after - before
        keep = {number for pair in broken | formed for number in pair}
        drawings = [
            _draw_side(side, pairs, keep, colour)
            for side, pairs, colour in ((reactants, broken, BROKEN), (products, formed, FORMED))
        ]
    if drawings[0] is None or drawings[1] is None:
        return None
    return ReactionDrawing(reactants=drawings[0], products=drawings[1], broken=len(broken), formed=len(formed))


def _parse(smiles: str, *, remove_hydrogens: bool) -> Chem.Mol | None:
    """Read a SMILES; RDKit's valence rules are asked first and waived for molecules that break them."""
    options: Any = Chem.SmilesParserParams()  # RDKit's stubs give its options no settable types
    options.removeHs = remove_hydrogens
    if not smiles or len(smiles) > LONGEST_DRAWN or not smiles.isascii():
        return None
    molecule = Chem.MolFromSmiles(smiles, options)
    if molecule is not None:
        return molecule
    options.sanitize = False
    options.removeHs = False
    molecule = Chem.MolFromSmiles(smiles, options)
    if molecule is not None:
        molecule.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(molecule)
    return molecule


def _mapped_bonds(molecule: Chem.Mol) -> set[tuple[int, int]]:
    """Bonds between mapped atoms as sorted pairs of map numbers."""
    pairs = set()
    for bond in molecule.GetBonds():
        ends = sorted((bond.GetBeginAtom().GetAtomMapNum(), bond.GetEndAtom().GetAtomMapNum()))
        if ends[0] > 0:
            pairs.add((ends[0], ends[1]))
    return pairs


def _draw_side(
    molecule: Chem.Mol, pairs: set[tuple[int, int]], keep: set[int], colour: tuple[float, float, float]
) -> Drawing | None:
    """One side of a reaction without spectator hydrogens, the bonds between map numbers `pairs` highlighted."""
    editable = Chem.RWMol(molecule)
    spectators = [
        atom.GetIdx()
        for atom in editable.GetAtoms()
        if atom.GetAtomicNum() == 1
        and atom.GetAtomMapNum() not in keep
        and atom.GetDegree() == 1
        and atom.GetNeighbors()[0].GetAtomicNum() > 1
    ]
    for index in sorted(spectators, reverse=True):
        neighbour = editable.GetAtomWithIdx(index).GetNeighbors()[0]
        neighbour.SetNumExplicitHs(neighbour.GetNumExplicitHs() + 1)
        editable.RemoveAtom(index)
    side = editable.GetMol()
    side.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(side)
    highlighted = [
        bond.GetIdx()
        for bond in side.GetBonds()
        if tuple(sorted((bond.GetBeginAtom().GetAtomMapNum(), bond.GetEndAtom().GetAtomMapNum()))) in pairs
    ]
    for atom in side.GetAtoms():
        atom.SetAtomMapNum(0)
    return _draw(side, highlighted, colour)


def _draw(molecule: Chem.Mol, highlighted: list[int], colour: tuple[float, float, float]) -> Drawing | None:
    """Draw a molecule at the common scale; None where RDKit cannot lay it out."""
    drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.scalingFactor = PIXELS_PER_ANGSTROM
    options.bondLineWidth = 1.4
    options.fixedFontSize = 13
    options.padding = 0.02
    options.prepareMolsBeforeDrawing = False
    options.highlightBondWidthMultiplier = 7
    palette = {-1: _INK, 0: _INK, 1: _INK, 6: _INK, **_HETERO, **dict.fromkeys(_HALOGENS, (0.0, 0.50, 0.38))}
    options.setAtomPalette(palette)  # the page's style sheet recolours oxygen, nitrogen and broken bonds in the dark
    options.setSymbolColour(_INK)
    try:
        prepared = rdMolDraw2D.PrepareMolForDrawing(molecule, kekulize=False, addChiralHs=False)
        drawer.DrawMolecule(
            prepared,
            highlightAtoms=[],
            highlightBonds=highlighted,
            highlightBondColors=dict.fromkeys(highlighted, colour),
        )
    except (RuntimeError, ValueError) as error:
        logger.debug("RDKit cannot draw a molecule: %s", error)
        return None
    drawer.FinishDrawing()
    return _from_svg(drawer.GetDrawingText())


def _from_svg(text: str) -> Drawing | None:
    """Strip RDKit's SVG document to its elements, and let bonds and carbons take the colour of the page.

    None where anything but paths is among them.
    """
    opening = re.search(r"<svg[^>]*width='([\d.]+)px'[^>]*height='([\d.]+)px'[^>]*>", text, flags=re.DOTALL)
    if opening is None:
        raise ValueError("RDKit wrote an SVG element without a size")
    body = text[opening.end() : text.rindex("</svg>")]
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"\s+class='[^']*'", "", body)
    body = re.sub(r"style='([^']*)'\s*/>", _short_style, body)
    body = re.sub(r"(\d+\.\d)\d+", r"\1", body)
    body = body.replace(_INK_HEX, "currentColor").replace("\n", "")
    if not _PATHS_ONLY.fullmatch(body):
        return None
    return Drawing(width=float(opening.group(1)), height=float(opening.group(2)), body=body)


def _short_style(match: re.Match[str]) -> str:
    """An RDKit style as the few attributes that differ from those of the surrounding element."""
    style = dict(entry.split(":", 1) for entry in match.group(1).split(";") if ":" in entry)
    if style.get("fill", "none") != "none":
        return f"fill='{style['fill']}' stroke='none'/>"
    return f"stroke='{style.get('stroke', 'none')}'/>"


@contextmanager
def _quiet_rdkit() -> Iterator[None]:
    """RDKit's complaints about odd molecules are expected here: the caller shows their SMILES instead."""
    with rdBase.BlockLogs():
        yield
