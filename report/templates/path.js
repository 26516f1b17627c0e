"use strict";
// The easiest path between two species: its form, its profile and steps, and its light in the drawing.
cairn.path = (() => {
  if (!cairn.network) return null;
  const { make, energy, reactions, states } = cairn;
  const { cy, ensure, fit } = cairn.graph;
  const byId = (id) => document.getElementById(id);
  const [from, to, result] = ["path-from", "path-to", "path-result"].map(byId);
  const WORST = ["estimated", "could_not_check", "passed"];
  let current = null;

  function lit() {
    if (!current) return null;
    const taken = new Set(current.steps.map((step) => step.r));
    const members = new Set(current.steps.flatMap((step) => [...step.taken, ...step.made]));
    return cy.elements().filter((each) => (each.isEdge() ? taken.has(each.data("reaction")) : taken.has(each.data("pill")) || members.has(each.data("species"))));
  }

  function verdict(steps) {
    const found = new Set(steps.map((step) => cairn.state(step.r).state));
    return states.find((each) => each.state === WORST.find((name) => found.has(name)));
  }

  function describe({ steps, height }) {
    const levels = Array.from(new Set(steps.map((step) => reactions.level[step.r])));
    const items = steps.map((step) =>
      make(
        "li", {}, cairn.equation(step.r, 0.6, step.reverse),
        make("span", { class: "figure" }, make("b", {}, energy(step.up)), " kcal/mol"), cairn.badge(cairn.state(step.r)),
        levels.length > 1 ? make("span", { class: "level" }, reactions.level[step.r]) : null,
        make("button", { type: "button", class: "link", "data-open": step.r, "aria-label": `Open ${cairn.spoken(step.r, step.reverse)}` }, "open"),
      ));
    return [
      make("p", { class: "path-height" }, "Highest transition state ", make("b", {}, energy(height)), ` kcal/mol above the start, ${steps.length} step${steps.length === 1 ? "" : "s"}, weakest verdict `, cairn.badge(verdict(steps))),
      cairn.profile.ofPath(steps),
      make("ol", { class: "path-steps" }, ...items),
      make("p", { class: "note" }, `Electronic energies, ${levels.join(" and ")}${levels.length > 1 ? ": levels are mixed" : ""}. Heights are added end to end, so that the conformers of an intermediate count as one; what a step takes is at the start or made before.`),
    ];
  }

  const say = (text) => result.replaceChildren(make("p", { class: "empty" }, text));

  // The species of a text such as `C=C + O`; those that are not here are named.
  function all(text) {
    const parts = text.split(" + ").map((part) => [part, cairn.named(part)]);
    const unknown = parts.find(([, s]) => s === null);
    if (unknown) throw new Error(unknown[0].trim() ? `No species here is called ${cairn.shortened(unknown[0], 60)}.` : "Give the SMILES of two species.");
    return parts.map(([, s]) => s);
  }

  function show() {
    current = null;
    let [starts, ends] = [[], []];
    try {
      [starts, ends] = [all(from.value), all(to.value)];
    } catch (error) {
      say(error.message);
      return;
    }
    const found = cairn.passes.path(starts, ends[0], cairn.network.allowed);
    if (!found?.steps.length) {
      say(found ? "That is where the path starts." : "No way leads there over the reactions that the filters let through and whose checks did not fail. Partners are joined by + , as in C=C + O.");
      cairn.network.keep(null);
      return;
    }
    current = found;
    ensure(found.steps.map((step) => step.r), [...starts, ...found.steps.map((step) => step.to)]);
    cairn.network.filter();
    lit().removeClass("hidden");
    result.replaceChildren(...describe(found));
    cairn.network.keep(null);
    fit(lit(), 40);
  }

  byId("path-form").addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  byId("path-clear").addEventListener("click", () => {
    current = null;
    to.value = "";
    result.replaceChildren();
    cairn.network.keep(null);
    fit();
  });
  for (const input of [from, to]) cairn.suggest(input);
  from.value = cairn.data.seeds.slice(0, 3).map(cairn.labelOf).join(" + ");
  return { lit };
})();
