"use strict";
// Ways whose highest transition state is lowest, by the rules of report/paths.py: what a step takes is at hand or made before, heights are added up.
cairn.passes = (() => {
  const { species, reactions, states } = cairn;
  const TRUSTED = new Set(["passed", "could_not_check", "estimated"]);
  const usable = (r) =>
    TRUSTED.has(states[reactions.state[r]].state) && reactions.barrier_forward_kcal_mol[r] !== null && reactions.barrier_reverse_kcal_mol[r] !== null;

  function before(a, b) {
    return (
      a.height - b.height || a.level - b.level || compare(species.key[a.species], species.key[b.species]) ||
      compare(reactions.key[a.reaction] ?? "", reactions.key[b.reaction] ?? "")
    );
  }
  const compare = (a, b) => (a < b ? -1 : Number(a > b));

  // A binary heap: the smallest entry is at 0, children of i at 2 i + 1 and 2 i + 2.
  function push(heap, entry) {
    let i = heap.push(entry) - 1;
    while (i && before(heap[i], heap[(i - 1) >> 1]) < 0) {
      [heap[i], heap[(i - 1) >> 1]] = [heap[(i - 1) >> 1], heap[i]];
      i = (i - 1) >> 1;
    }
  }

  function pop(heap) {
    const [top, last] = [heap[0], heap.pop()];
    if (heap.length) heap[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && before(heap[child], heap[least]) < 0) least = child;
      if (least === i) return top;
      [heap[i], heap[least]] = [heap[least], heap[i]];
      i = least;
    }
  }

  // The easiest way to every species from those at hand; allowed says which reactions may be taken.
  function from(starts, allowed) {
    const takers = species.key.map(() => []);
    for (let r = 0; r < cairn.count; r += 1) {
      if (!usable(r) || !allowed(r)) continue;
      const [forward, back] = [reactions.barrier_forward_kcal_mol[r], reactions.barrier_reverse_kcal_mol[r]];
      const ways = [
        { r, reverse: false, up: forward, back, taken: reactions.reactants[r], made: reactions.products[r] },
        { r, reverse: true, up: back, back: forward, taken: reactions.products[r], made: reactions.reactants[r] },
      ];
      for (const way of ways) for (const s of new Set(way.taken)) takers[s].push(way);
    }
    const settled = new Map();
    const heap = [];
    for (const s of starts) push(heap, { height: 0, level: 0, species: s, reaction: -1, way: null });
    while (heap.length) {
      const here = pop(heap);
      if (settled.has(here.species)) continue;
      settled.set(here.species, here);
      for (const way of takers[here.species]) {
        const taken = way.taken.map((s) => settled.get(s));
        if (taken.includes(undefined)) continue;
        const start = Math.max(...taken.map((each) => each.level));
        const height = Math.max(start + way.up, ...taken.map((each) => each.height));
        for (const s of way.made) if (!settled.has(s)) push(heap, { height, level: start + way.up - way.back, species: s, reaction: way.r, way, start });
      }
    }
    return settled;
  }

  // Steps of the path to a species, each with the energy it starts at; null where there is none.
  function path(starts, end, allowed) {
    const settled = from(starts, allowed);
    if (!settled.has(end)) return null;
    const steps = new Map();
    const waiting = [[end, false]];
    while (waiting.length) {
      const [s, isReady] = waiting.pop();
      const { way, start } = settled.get(s);
      if (!way || steps.has(way.r)) continue;
      if (isReady) steps.set(way.r, { ...way, start, to: s });
      else waiting.push([s, true], ...way.taken.map((each) => [each, false]).reverse());
    }
    return { steps: withoutDetours(Array.from(steps.values()), new Set(starts), end), height: settled.get(end).height };
  }

  // Steps for what others make on the side are taken away, from the last to the first.
  function withoutDetours(steps, atHand, end) {
    let kept = steps;
    const [made, needed] = [new Map(), new Map([[end, 1]])];
    const count = (map, list, by) => new Set(list).forEach((s) => map.set(s, (map.get(s) ?? 0) + by));
    for (const step of steps) {
      count(made, step.made, 1);
      count(needed, step.taken, 1);
    }
    for (const step of Array.from(steps).reverse()) {
      if (step.made.some((s) => needed.get(s) && made.get(s) < 2 && !atHand.has(s))) continue;
      const without = kept.filter((each) => each !== step);
      if (!addsUp(without, atHand, end)) continue;
      kept = without;
      count(made, step.made, -1);
      count(needed, step.taken, -1);
    }
    return kept;
  }

  // Whether each step finds what it takes, no higher than it starts, and the end is reached; kcal/mol.
  function addsUp(steps, atHand, end) {
    const levels = new Map(Array.from(atHand, (s) => [s, 0]));
    const level = (s) => levels.get(s) ?? Infinity;
    for (const step of steps) {
      if (Math.max(...step.taken.map(level)) > step.start + 1e-6) return false;
      for (const s of step.made) levels.set(s, Math.min(level(s), step.start + step.up - step.back));
    }
    return levels.has(end);
  }

  return { path };
})();
