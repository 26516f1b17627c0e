"use strict";
// The controls of the drawing: which reactions it shows, filters, search, what is selected, keys.
cairn.network = (() => {
  if (!cairn.graph) return null;
  const { data, reactions, make, energy, grouped, power } = cairn;
  const { cy, container, settings, RATES, show, ensure, fit, restyle, barrierOf, stateOf } = cairn.graph;
  const byId = (id) => document.getElementById(id);
  const [size, limit, temperature, colourBy, selected] = ["drawing-size", "barrier-limit", "temperature", "colour-by", "selected"].map(byId);
  const boxes = Array.from(document.querySelectorAll("[data-state-filter]"));
  [settings.low, settings.high] = [Number(limit.min), Number(limit.max)];
  const LEGIBLE = 0.55; // zoom
  let kept = null;

  function rateText(r) {
    const log = cairn.logRate(barrierOf(r), settings.kelvin);
    const exponent = Math.floor(log);
    return `${(10 ** (log - exponent)).toFixed(1)} · 10${power(exponent)} s⁻¹ at ${settings.kelvin} K`;
  }

  function describeReaction(r) {
    const value = (height) => (height === null ? "unknown" : `${energy(height)} kcal/mol`);
    const bar = reactions.error_bar_95_kcal_mol[r];
    const lines = [
      ["Forward", value(barrierOf(r)) + (bar === null ? "" : ` ± ${bar.toFixed(0)}`)], ["Reverse", value(reactions.barrier_reverse_kcal_mol[r])],
      ["Reaction energy", value(cairn.change(r))],
    ];
    if (reactions.level[r]) lines.push(["Level", reactions.level[r]]);
    if (barrierOf(r) !== null) lines.push(["Rate forward", rateText(r)]);
    const facts = make("dl", { class: "facts" }, ...lines.map(([name, said]) => make("div", {}, make("dt", {}, name), make("dd", {}, said))));
    const failed = stateOf(r) === "check_failed" ? make("p", { class: "note" }, "A check failed: do not use this barrier or rate.") : null;
    selected.replaceChildren(cairn.equation(r), cairn.badge(cairn.state(r)), facts, failed ?? "", make("button", { type: "button", "data-open": r }, "Open in the table"));
  }

  function surroundings(node) {
    if (node.data("pill") >= 0) return node.closedNeighborhood();
    const near = node.neighborhood("node");
    return node.union(near).union(near.closedNeighborhood());
  }

  function light(elements) {
    cy.batch(() => {
      cy.elements().removeClass("lit dimmed");
      if (!elements) return;
      elements.addClass("lit");
      cy.elements().difference(elements).addClass("dimmed");
    });
  }

  function describe(node) {
    light(node ? surroundings(node) : cairn.path?.lit() ?? null);
    if (!node) selected.replaceChildren(make("p", { class: "empty" }, "Point at a reaction or a species."));
    else if (node.data("pill") >= 0) describeReaction(node.data("pill"));
    else selected.replaceChildren(cairn.speciesCard(node.data("species")));
  }

  function keep(node) {
    kept = node;
    describe(node);
  }

  cy.on("mouseover", "node", (event) => { if (!kept) describe(event.target); container.style.cursor = "pointer"; });
  cy.on("mouseout", "node", () => { if (!kept) light(cairn.path?.lit() ?? null); container.style.cursor = ""; });
  cy.on("tap", "node", (event) => keep(event.target));
  cy.on("tap", (event) => { if (event.target === cy) keep(null); });

  // Whether the filters let a reaction through.
  function allowed(r) {
    const barrier = barrierOf(r);
    const isLow = Number(limit.value) >= Number(limit.max) || (barrier !== null && barrier <= Number(limit.value));
    return isLow && boxes.some((box) => box.checked && box.value === stateOf(r));
  }

  function filter() {
    byId("barrier-limit-text").textContent = `${energy(Number(limit.value))} kcal/mol`;
    cy.batch(() => {
      cy.nodes("[pill >= 0]").forEach((node) => { node.toggleClass("hidden", !allowed(node.data("pill"))); });
      cy.nodes("[species >= 0]").forEach((node) => {
        const pills = node.neighborhood("node[pill >= 0]");
        node.toggleClass("hidden", !node.data("seed") && pills.nonempty() && pills.not(".hidden").empty());
      });
    });
  }

  function drawingNote(drawing) {
    const drawn = drawing.reactions.length;
    if (drawn === cairn.count) return `All ${grouped(drawn)} reactions are drawn.`;
    const chosen = data.reached
      ? `the ${grouped(drawn)} of ${grouped(cairn.count)} reactions whose transition states lie lowest above the seeds, co-products included, along the easiest way there`
      : `the ${grouped(drawn)} lowest of ${grouped(cairn.count)} reactions, since no way from a seed is known`;
    return `Drawn: ${chosen}. Search, paths and the table know all of them.`;
  }

  // Whether the texts of a drawing can be read where all of it is in sight.
  function isLegible({ reactions: pills, species: cards }) {
    const span = (axis) => {
      const places = [...pills, ...cards].map((each) => each[axis]);
      return Math.max(...places) - Math.min(...places);
    };
    return Math.min(container.clientWidth / (span(1) + 190), container.clientHeight / (span(2) + 132)) >= LEGIBLE;
  }

  function draw() {
    kept = null;
    const drawing = data.drawings[Number(size.value)];
    show(drawing);
    byId("drawn-note").textContent = drawingNote(drawing);
    filter();
    describe(null);
    fit();
  }

  function retime() {
    settings.kelvin = Number(temperature.value);
    byId("temperature-text").textContent = `${settings.kelvin} K`;
    cy.style().update();
    if (kept) describe(kept);
  }

  // A species or reaction by name; what is not drawn yet comes with its lowest reactions.
  function find(text) {
    const r = cairn.byKey.get(text.trim());
    const s = r === undefined ? cairn.named(text) : null;
    if (r === undefined && s === null) {
      selected.replaceChildren(make("p", { class: "empty" }, `Nothing here is called ${cairn.shortened(text, 60)}.`));
      return;
    }
    const around = [];
    for (let each = 0; s !== null && each < cairn.count && around.length < 6; each += 1) {
      if (reactions.reactants[each].includes(s) || reactions.products[each].includes(s)) around.push(each);
    }
    const isDrawn = s !== null && cy.getElementById(`s${s}`).nonempty();
    if (!isDrawn) ensure(s === null ? [r] : around, s === null ? [] : [s]);
    filter();
    const node = cy.getElementById(s === null ? `r${r}` : `s${s}`);
    node.removeClass("hidden");
    keep(node);
    fit(surroundings(node), 60);
  }

  function step(by) {
    const pills = cy.nodes("[pill >= 0]").not(".hidden").sort((a, b) => a.data("pill") - b.data("pill"));
    if (pills.empty()) return;
    const here = kept ? pills.toArray().findIndex((node) => node.same(kept)) : -1;
    keep(pills[(Math.max(here, by < 0 && here < 0 ? 0 : here) + by + pills.length) % pills.length]);
  }

  const zoomBy = (factor) => cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  const KEYS = {
    n: () => step(1), p: () => step(-1), "+": () => zoomBy(1.3), "=": () => zoomBy(1.3), "-": () => zoomBy(1 / 1.3), 0: () => fit(),
    Escape: () => keep(null), Enter: () => { if (kept?.data("pill") >= 0) cairn.table.open(kept.data("pill")); },
    ArrowLeft: () => cy.panBy({ x: 60, y: 0 }), ArrowRight: () => cy.panBy({ x: -60, y: 0 }), ArrowUp: () => cy.panBy({ x: 0, y: 60 }), ArrowDown: () => cy.panBy({ x: 0, y: -60 }),
  };
  container.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  data.drawings.forEach(({ reactions: pills }, k) => size.append(make("option", { value: k }, pills.length === cairn.count ? `all ${grouped(cairn.count)}` : grouped(pills.length))));
  size.value = String(Math.max(data.drawings.findLastIndex(isLegible), 0));
  byId("thin-text").textContent = `≤ 10${power(RATES.thin)} s⁻¹`;
  byId("thick-text").textContent = `≥ 10${power(RATES.thick)} s⁻¹`;
  size.addEventListener("change", draw);
  for (const box of boxes) box.addEventListener("change", filter);
  limit.addEventListener("input", filter);
  temperature.addEventListener("input", retime);
  colourBy.addEventListener("change", () => {
    settings.byBarrier = colourBy.value === "barrier";
    byId("barrier-scale").hidden = !settings.byBarrier;
    restyle();
  });
  cairn.suggest(byId("find-text"));
  byId("find").addEventListener("submit", (event) => { event.preventDefault(); find(byId("find-text").value); });
  byId("zoom-in").addEventListener("click", () => zoomBy(1.3));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.3));
  byId("fit").addEventListener("click", () => fit());
  let width = container.clientWidth;
  addEventListener("resize", () => { if (container.clientWidth !== width) { width = container.clientWidth; cy.resize(); fit(); } });
  retime();
  draw();
  return { allowed, light, keep, filter };
})();
