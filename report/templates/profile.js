"use strict";
// Energy profiles as SVG: of one reaction, and of the steps of a path added end to end.
cairn.profile = (() => {
  const { make, makeSvg, energy } = cairn;
  const [TOP, BOTTOM, STEP, HALF] = [40, 170, 92, 30]; // pixels

  // points: { name, energy, kind: "end" or "saddle", broken: not joined to the one before }; of unknown energy left out.
  function draw(points, label) {
    const known = points.filter((point) => point.energy !== null);
    const energies = known.map((point) => point.energy);
    const low = Math.min(...energies);
    const span = Math.max(Math.max(...energies) - low, 1e-6);
    const width = Math.max(STEP * (points.length - 1) + 2 * HALF + 40, 300);
    const offset = (width - STEP * (points.length - 1)) / 2;
    const svg = makeSvg("svg", { class: "profile", viewBox: `0 0 ${width} 216`, role: "img", "aria-label": label });
    svg.style.maxWidth = `${width}px`;
    svg.style.minWidth = `${Math.min(width, points.length * 62)}px`;
    let last = null;
    points.forEach((point, k) => {
      if (point.energy === null) return;
      const x = offset + STEP * k;
      const y = BOTTOM - ((point.energy - low) / span) * (BOTTOM - TOP);
      if (last && !point.broken) {
        const [a, b] = [last.x + HALF, x - HALF];
        svg.append(makeSvg("path", { class: "joint", d: `M${a} ${last.y}C${a + 20} ${last.y} ${b - 20} ${y} ${b} ${y}` }));
      }
      last = { x, y };
      const text = makeSvg("text", { class: "level-energy", x, y: y - 9 });
      text.textContent = energy(point.energy);
      const name = makeSvg("text", { class: "level-name", x, y: y + 17 });
      name.textContent = cairn.shortened(point.name, 16);
      svg.append(makeSvg("path", { class: `level ${point.kind}`, d: `M${x - HALF} ${y}H${x + HALF}` }), text, name);
    });
    return make("div", { class: "profile-frame", tabindex: points.length > 5 ? "0" : null }, svg);
  }

  // Relative to the reactant end, or to the product end where only that is known; null without a barrier.
  function ofReaction(detail) {
    const [forward, reverse] = [detail.barrier_forward_kcal_mol, detail.barrier_reverse_kcal_mol];
    if (forward === null && reverse === null) return null;
    const top = forward ?? reverse;
    return draw(
      [
        { name: "reactant end", energy: forward === null ? null : 0, kind: "end" },
        { name: "transition state", energy: top, kind: "saddle" },
        { name: "product end", energy: reverse === null ? null : top - reverse, kind: "end" },
      ],
      "Energy profile in kcal/mol",
    );
  }

  // Steps end to end; where a step starts from something else than the one before made, the line is broken.
  function ofPath(steps) {
    const names = (all) => all.map((s) => cairn.species.smiles[s]).join(" + ");
    const points = [];
    steps.forEach((step, k) => {
      const last = steps[k - 1];
      if (!last || !step.taken.includes(last.to)) points.push({ name: names(step.taken), energy: step.start, kind: "end", broken: true });
      points.push({ name: `step ${k + 1} ${cairn.state(step.r).glyph}`, energy: step.start + step.up, kind: "saddle" });
      points.push({ name: names([step.to]), energy: step.start + step.up - step.back, kind: "end" });
    });
    return draw(points, "Energy profile of the path in kcal/mol");
  }

  return { ofReaction, ofPath };
})();
