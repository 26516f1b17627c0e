"use strict";
// The cards of the species: searched, and made as they are needed.
(() => {
  const cards = document.getElementById("cards");
  if (!cards) return;
  const { make, species, reactions, seeds, grouped, shortened } = cairn;
  const AT_ONCE = 60;
  const [search, more, shownText] = ["species-search", "more-cards", "species-shown"].map((id) => document.getElementById(id));
  const uses = new Array(species.key.length).fill(0);
  for (let r = 0; r < cairn.count; r += 1) for (const s of new Set([...reactions.reactants[r], ...reactions.products[r]])) uses[s] += 1;
  let shown = AT_ONCE;

  function card(s) {
    const tag = (text) => make("span", { class: "tag" }, text);
    const [charge, multiplicity] = [species.charge[s], species.multiplicity[s]];
    return make(
      "div", { class: `card${seeds.has(s) ? " seed" : ""}` },
      make("div", { class: "picture" }, cairn.molecule(s, 0.85)),
      make(
        "div", { class: "caption" }, make("b", {}, shortened(species.formula[s] || "unlisted", 40)), seeds.has(s) ? tag("seed") : null,
        charge ? tag(`charge ${charge > 0 ? "+" : "−"}${Math.abs(charge)}`) : null, multiplicity === 1 ? null : tag(`multiplicity ${multiplicity}`),
      ),
      make("code", { title: species.key[s] }, shortened(species.smiles[s], 200)),
      make("button", { type: "button", class: "link", "data-species": s }, `${grouped(uses[s])} reaction${uses[s] === 1 ? "" : "s"}`),
    );
  }
  cairn.speciesCard = card;

  function render() {
    const wanted = search.value.trim().toLowerCase();
    const matching = species.key.flatMap((key, s) => (`${species.smiles[s]} ${species.formula[s]} ${key}`.toLowerCase().includes(wanted) ? [s] : []));
    cards.replaceChildren(...matching.slice(0, shown).map((s) => make("li", {}, card(s))));
    const left = matching.length - Math.min(shown, matching.length);
    more.hidden = left === 0;
    more.textContent = `Show ${grouped(Math.min(left, AT_ONCE))} more of ${grouped(left)}`;
    shownText.textContent = `${grouped(matching.length)} species`;
  }
  search.addEventListener("input", () => { shown = AT_ONCE; render(); });
  more.addEventListener("click", () => { shown += AT_ONCE; render(); });
  render();
})();
