"use strict";
// One opened reaction: what changes, checks, profile, structures, failure, attempts.
cairn.detail = (() => {
  const { make, sketch, states, reactions, badge, energy, grouped, duration } = cairn;
  const stateOf = new Map(states.map((each) => [each.state, each]));
  const link = (r, text) => make("a", { href: `#${encodeURIComponent(reactions.key[r])}`, "data-open": r }, text);
  const facts = (...pairs) =>
    make("dl", { class: "facts" }, ...pairs.filter(Boolean).map(([name, ...said]) => make("div", {}, make("dt", {}, name), make("dd", {}, ...said))));

  function codeLine(name, text, copied = false) {
    const button = copied ? make("button", { type: "button", class: "copy", "data-copy": text, "aria-label": `Copy ${name}` }, "Copy") : null;
    return make("p", { class: "code-line" }, make("span", {}, name), make("code", {}, text), button);
  }

  function scheme(detail) {
    if (!detail.scheme) return [make("p", { class: "empty" }, "No drawing of the changing bonds: the atom map cannot be drawn, or the report is too large to draw all.")];
    const { reactants, products, broken, formed } = detail.scheme;
    const swatch = (name) => make("span", { class: `swatch ${name}` });
    return [
      make("div", { class: "scheme" }, sketch(reactants, 1, "reactants, broken bonds highlighted"), cairn.arrow(), sketch(products, 1, "products, formed bonds highlighted")),
      make("p", { class: "bond-key" }, swatch("broken"), `${broken} broken `, swatch("formed"), `${formed} formed`),
    ];
  }

  function checks(detail) {
    if (!detail.checks.length) return make("p", { class: "empty" }, `No check was run${detail.state === "estimated" ? ": this barrier is an estimate" : ""}.`);
    const items = detail.checks.map((check) => {
      const evidence = Object.entries(check.evidence).map(([name, said]) => make("div", {}, make("dt", {}, name), make("dd", {}, said)));
      return make("li", {}, badge(stateOf.get(check.state)), make("span", { class: "check-name" }, check.label), evidence.length ? make("dl", { class: "evidence" }, ...evidence) : null);
    });
    return make("ul", { class: "checks" }, ...items);
  }

  function heights(detail) {
    const chart = cairn.profile.ofReaction(detail);
    if (!chart) return [];
    const bar = detail.error_bar_95_kcal_mol;
    const trust = bar === null
      ? " No error bar was measured for such barriers."
      : ` Against coupled cluster such barriers are right within ± ${bar.toFixed(0)} kcal/mol in 95 of 100 cases, nominally.`;
    const note = make("p", { class: "note" }, `kcal/mol, ${detail.level}, electronic energy. `, badge(stateOf.get(detail.state)), trust);
    const pair = (kind) => `${energy(detail[`${kind}_forward_kcal_mol`])} forward, ${energy(detail[`${kind}_reverse_kcal_mol`])} reverse, kcal/mol`;
    const thermal = detail.e0_forward_kcal_mol === null ? null : facts(["With zero-point energies", pair("e0")], ["Free energies at 298.15 K, 1 atm", pair("gibbs_298")]);
    return [make("h3", {}, "Energy profile"), chart, note, thermal, expectation(detail)];
  }

  function expectation(detail) {
    const expected = detail.expected;
    if (!expected) return null;
    const side = (name) => {
      const bar = expected[`${name}_bar_kcal_mol`];
      return `${energy(expected[`${name}_kcal_mol`])}${bar === null ? "" : ` ± ${bar.toFixed(0)}`} ${name}`;
    };
    return facts([`Expected at ${expected.reference}`, `${side("forward")}, ${side("reverse")}, kcal/mol, estimated by a network`]);
  }

  function structures(detail) {
    const ts = detail.transition_state;
    if (!ts) return [];
    const ends = ts.scene.frames.length - 1;
    const moving = ends
      ? `It moves on straight lines between the saddle point and ${ends === 2 ? "the ends" : "the one known end"} of its IRC: the vector of the imaginary mode is not stored.`
      : "No end of its IRC is known, so that nothing moves.";
    const modes = ts.imaginary_frequencies_cm1;
    const said = modes === null ? null : ["Imaginary modes", modes.length ? `${modes.map((each) => `${(-each).toFixed(0)}i`).join(", ")} cm⁻¹` : "none"];
    const energies = [["Energy", ts.energy_ev], ["Reactant end", ts.reactant_end_energy_ev], ["Product end", ts.product_end_energy_ev]];
    return [
      make("h3", {}, "Transition state"),
      make(
        "div", { class: "viewer" },
        make("div", { class: "viewer-canvas", tabindex: "0", role: "img", "aria-label": "3D view; arrow keys turn it" }),
        make("div", { class: "viewer-tools", role: "group", "aria-label": "Structure shown" }),
      ),
      ends === 2
        ? make("p", { class: "bond-key" }, make("span", { class: "swatch broken" }), "breaking ", make("span", { class: "swatch formed" }), "forming; lengths in Å")
        : null,
      make("p", { class: "note" }, moving),
      facts(said, ...energies.filter(([, value]) => value !== null).map(([name, value]) => [name, `${value.toFixed(5)} eV`])),
    ];
  }

  const failureText = ({ stage, kind, message }) => [make("b", {}, stage), " ", make("code", {}, kind), make("br"), make("bdi", {}, message)];

  function ending(detail, ledTo) {
    const known = detail.barrier_forward_kcal_mol !== null || detail.barrier_reverse_kcal_mol !== null;
    if (detail.failure) {
      return [make("h3", {}, known ? "How its own search ended" : "Why there is no barrier"), make("p", { class: "failure" }, ...failureText(detail.failure))];
    }
    if (detail.state === "unintended") {
      const missing = ledTo.length ? "" : " The reaction it belongs to is not in this report.";
      return [make("h3", {}, "Why there is no barrier"), make("p", { class: "failure" }, `The search converged to a transition state that does not join these species.${missing}`)];
    }
    if (detail.dissociation_kcal_mol !== null) {
      const higher = detail.dissociation_kcal_mol.toFixed(1);
      return [
        make("h3", {}, "No barrier"),
        make("p", { class: "note" }, `The molecules of one side fell into each other wherever they were let go. Apart they lie ${higher} kcal/mol higher. No check was run.`),
      ];
    }
    if (detail.state === "not_searched") return [make("p", { class: "empty" }, "This reaction was enumerated; no transition state has been looked for.")];
    return [];
  }

  function attempts(detail) {
    if (!detail.attempts.length) return [];
    const head = ["Start", "Outcome", "Gradient calls", "Time"].map((name, k) => make("th", { scope: "col", class: k > 1 ? "number" : null }, name));
    const rows = detail.attempts.map((each) =>
      make(
        "tr", {},
        make("td", {}, each.start),
        make("td", {}, each.outcome, each.failure ? make("span", { class: "quiet" }, ` ${each.failure.stage}: `, make("bdi", {}, each.failure.message)) : null),
        make("td", { class: "number" }, grouped(each.gradient_calls)),
        make("td", { class: "number" }, duration(each.seconds)),
      ));
    return [make("h3", {}, "Attempts"), make("div", { class: "narrow-scroller" }, make("table", { class: "attempts" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)))];
  }

  // The sheet of a reaction.
  function sheet(r, detail) {
    const ledTo = reactions.found_by.flatMap((finder, other) => (finder === r ? [other] : []));
    const finder = reactions.found_by[r];
    const found = detail.found_by === null ? null : ["Found by the search for", finder >= 0 ? link(finder, "another reaction") : make("code", {}, detail.found_by)];
    const left = [
      make("h3", {}, "What changes"),
      ...scheme(detail),
      detail.mapped_smiles ? codeLine("Atom-mapped SMILES", detail.mapped_smiles, true) : null,
      codeLine("Key", detail.key),
      facts(
        ["Equivalent atom maps", detail.degeneracy === null ? "unknown" : String(detail.degeneracy)],
        detail.turned ? ["Stored", "the other way round"] : null,
        detail.outcome === null ? null : ["Its own search", detail.outcome],
        found,
        detail.proposed ? ["Came up", "proposed by joint diffusion, beyond the enumeration"] : null,
        ...ledTo.map((other) => ["Its search ended in", link(other, "another reaction")]),
      ),
      make("h3", {}, "Checks"),
      checks(detail),
    ];
    const right = [...heights(detail), ...structures(detail), ...ending(detail, ledTo), ...attempts(detail)];
    const column = (parts) => make("div", { class: "sheet-column" }, ...parts);
    return make("div", { class: "sheet" }, column(left), column(right));
  }

  return { sheet };
})();
