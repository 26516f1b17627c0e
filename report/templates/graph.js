"use strict";
// The drawing of the network: cytoscape.js with positions that were computed when the report was written.
cairn.graph = (() => {
  const container = document.getElementById("canvas");
  if (!container) return null;
  const { data, species, reactions, seeds, states, colour, energy, shortened } = cairn;
  const [CARD, PILL] = [{ width: 146, height: 88 }, { width: 62, height: 26 }];
  const LINES = { passed: "solid", could_not_check: "dashed", estimated: "dotted", check_failed: "dashed" };
  const VERDICTS = { passed: "passed", could_not_check: "unsure", estimated: "guess", check_failed: "wrong", unintended: "elsewhere" }; // colours of the badges
  const LARGEST = 1.2; // zoom that a fit goes to
  const RATES = { thin: -10, thick: 6, widest: 9 }; // log10 of s^-1 at which an edge is thinnest and widest; pixels
  const settings = { kelvin: 500, byBarrier: false, low: 0, high: 1 };

  const stateOf = (r) => states[reactions.state[r]].state;
  const barrierOf = (r) => reactions.barrier_forward_kcal_mol[r];
  const heavy = (s) => Array.from(species.formula[s].matchAll(/([A-Z][a-z]?)(\d*)/g)).reduce((sum, [, element, n]) => sum + (element === "H" ? 0 : Number(n || 1)), 0);

  function ramp(value) {
    const place = Math.min(Math.max((value - settings.low) / (settings.high - settings.low), 0), 1) * (data.ramp.length - 1);
    const k = Math.min(Math.floor(place), data.ramp.length - 2);
    const part = (text, at) => parseInt(text.slice(at, at + 2), 16);
    return `#${[1, 3, 5].map((at) => Math.round(part(data.ramp[k], at) + (part(data.ramp[k + 1], at) - part(data.ramp[k], at)) * (place - k)).toString(16).padStart(2, "0")).join("")}`;
  }
  const verdict = (r, part = "") => colour(`${VERDICTS[stateOf(r)] ?? "none"}${part}`);
  const isPlain = (r) => settings.byBarrier && barrierOf(r) === null;
  const fill = (r) => (isPlain(r) ? colour("panel") : settings.byBarrier ? ramp(barrierOf(r)) : verdict(r, "-ground"));
  const line = (r) => (isPlain(r) ? colour("faint") : settings.byBarrier ? ramp(barrierOf(r)) : verdict(r));

  // Black or white, whichever contrasts more (relative luminance of WCAG 2.1).
  function inkOn(hex) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#111111" : "#ffffff";
  }

  function width(edge) {
    const barrier = barrierOf(edge.data("reaction"));
    if (barrier === null) return 1;
    const place = (cairn.logRate(barrier, settings.kelvin) - RATES.thin) / (RATES.thick - RATES.thin);
    return 1 + (RATES.widest - 1) * Math.min(Math.max(place, 0), 1);
  }

  function picture(s) {
    if (!data.pictures[s]) return null;
    const [w, h, body] = data.pictures[s];
    const scale = Math.min(1, 128 / w, 74 / h);
    const inked = body.replaceAll("currentColor", colour("ink")).replaceAll("#CC4C00", colour("oxygen")).replaceAll("#0071B1", colour("nitrogen"));
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * w * scale}" height="${2 * h * scale}" viewBox="0 0 ${w} ${h}" fill="none" stroke-width="1.4">${inked}</svg>`;
    return { image: `data:image/svg+xml,${encodeURIComponent(svg)}`, width: w * scale, height: h * scale };
  }

  function style() {
    const drawn = new Map();
    const part = (node, name, otherwise) => {
      const s = node.data("species");
      if (!drawn.has(s)) drawn.set(s, picture(s));
      return drawn.get(s)?.[name] ?? otherwise;
    };
    const dashes = (element) => LINES[stateOf(element.data("reaction"))] ?? "solid";
    const hasBarrier = (element) => barrierOf(element.data("reaction")) !== null;
    return [
      { selector: "node", style: { "font-family": "system-ui, sans-serif", "text-valign": "center", "text-halign": "center", "overlay-opacity": 0 } },
      {
        selector: "node[species >= 0]",
        style: {
          shape: "round-rectangle", ...CARD, "corner-radius": 12, "z-index": 5,
          "background-color": colour("card"), "border-width": 1.5, "border-color": colour("card-rule"),
          "background-image": (node) => part(node, "image", "none"), "background-fit": "none",
          "background-width": (node) => part(node, "width", 1), "background-height": (node) => part(node, "height", 1),
          label: "data(text)", color: colour("ink"), "font-size": 13, "text-max-width": 130, "text-wrap": "ellipsis",
        },
      },
      { selector: "node[?seed]", style: { "border-width": 5, "border-color": "#e69f00", "background-color": colour("seed-ground") } },
      {
        selector: "node[pill >= 0]",
        style: {
          shape: "round-rectangle", "corner-radius": 13, ...PILL, "z-index": 8, width: (node) => (hasBarrier(node) ? PILL.width : PILL.height),
          "background-color": (node) => fill(node.data("pill")), color: (node) => (isPlain(node.data("pill")) ? colour("quiet") : inkOn(fill(node.data("pill")))),
          label: "data(text)", "font-size": 13.5, "font-weight": 600, "border-style": dashes,
          "border-width": (node) => (hasBarrier(node) ? 2.5 : 1.5), "border-color": (node) => (settings.byBarrier ? colour(hasBarrier(node) ? "ink" : "faint") : verdict(node.data("pill"))),
        },
      },
      {
        selector: "edge",
        style: {
          "curve-style": "straight", width, "line-style": dashes, "overlay-opacity": 0, "z-index": 1,
          "line-color": (edge) => line(edge.data("reaction")), "target-arrow-color": (edge) => line(edge.data("reaction")),
          "target-arrow-shape": (edge) => (edge.data("side") === "out" ? "triangle" : "none"), "arrow-scale": 1.1,
          opacity: (edge) => (hasBarrier(edge) ? (edge.data("minor") ? 0.35 : 0.8) : 0.3),
        },
      },
      { selector: ".hidden", style: { display: "none" } },
      { selector: ".dimmed", style: { opacity: 0.22 } },
      { selector: "edge.lit", style: { opacity: 1, "z-index": 7, "underlay-color": colour("accent"), "underlay-opacity": 0.35, "underlay-padding": 4 } },
      { selector: "node.lit[pill >= 0]", style: { "border-color": colour("accent"), "border-width": 4 } },
      { selector: "node.lit[species >= 0][!seed]", style: { "border-color": colour("accent"), "border-width": 3 } },
    ];
  }

  function speciesNode(s, x, y) {
    return { data: { id: `s${s}`, species: s, seed: seeds.has(s), text: data.pictures[s] ? "" : shortened(species.smiles[s], 18) }, position: { x, y } };
  }

  function reactionNode(r, x, y) {
    const barrier = barrierOf(r);
    const { glyph } = cairn.state(r);
    return { data: { id: `r${r}`, pill: r, reaction: r, text: barrier === null ? glyph : `${energy(barrier)} ${glyph}` }, position: { x, y } };
  }

  // Edges of a reaction; those to the smaller of its molecules are drawn fainter.
  function edges(r) {
    return [["in", reactions.reactants[r]], ["out", reactions.products[r]]].flatMap(([side, all]) => {
      const members = Array.from(new Set(all));
      const largest = Math.max(...members.map(heavy));
      const main = members.find((s) => heavy(s) === largest);
      return members.map((s) => {
        const [source, target] = side === "in" ? [`s${s}`, `r${r}`] : [`r${r}`, `s${s}`];
        return { data: { id: `r${r}-${side}${s}`, source, target, side, reaction: r, minor: s !== main } };
      });
    });
  }

  const cy = cytoscape({ container, elements: [], style: style(), layout: { name: "preset" }, minZoom: 0.05, maxZoom: 3, boxSelectionEnabled: false });
  cy.userZoomingEnabled(false); // the wheel scrolls the page until somebody clicks into the drawing
  container.addEventListener("pointerdown", () => cy.userZoomingEnabled(true));
  container.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") cy.userZoomingEnabled(false); });
  cy.one("render", () => performance.mark("network drawn"));
  function fit(elements = cy.elements(":visible"), padding = 22) {
    if (elements.empty()) return;
    cy.fit(elements, padding);
    if (cy.zoom() > LARGEST) cy.zoom(LARGEST);
    cy.center(elements);
  }

  // One of the prepared drawings in place of what was there.
  function show({ reactions: pills, species: cards }) {
    cy.batch(() => {
      cy.elements().remove();
      cy.add([...cards.map((each) => speciesNode(...each)), ...pills.map((each) => reactionNode(...each)), ...pills.flatMap(([r]) => edges(r))]);
    });
    fit();
  }

  const has = (id) => cy.getElementById(id).nonempty();
  // Draws reactions that are not there yet in rows below the others; species of an order are placed in it.
  function ensure(wanted, inOrder = []) {
    const missing = Array.from(new Set(wanted)).filter((r) => !has(`r${r}`));
    if (!missing.length && inOrder.every((s) => has(`s${s}`))) return;
    const box = cy.elements().boundingBox();
    let [x, y] = [cy.elements().empty() ? 0 : box.x1 + CARD.width / 2, cy.elements().empty() ? 0 : box.y2 + 1.4 * CARD.height];
    const left = x;
    const step = (span) => {
      x += span;
      if (x - left > 1500) [x, y] = [left, y + 1.5 * CARD.height];
    };
    const card = (s) => {
      if (has(`s${s}`)) return;
      cy.add(speciesNode(s, x, y));
      step(150);
    };
    cy.batch(() => {
      if (inOrder.length) card(inOrder[0]);
      for (const r of missing) {
        cy.add(reactionNode(r, x - 10, y));
        step(130);
        [...inOrder.filter((s) => reactions.products[r].includes(s) || reactions.reactants[r].includes(s)), ...reactions.products[r], ...reactions.reactants[r]].forEach(card);
        cy.add(edges(r));
      }
    });
  }

  const restyle = () => cy.style(style());
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", restyle);
  return { cy, container, settings, RATES, show, ensure, fit, restyle, barrierOf, stateOf };
})();
