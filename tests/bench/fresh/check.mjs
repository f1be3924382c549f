/** Answers of searches during changes, checked against a model of the items. */

const distance = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
};

/**
 * @param base vectors by id @param changes in their order @param answers each with its query, its ids, and the least (`lo`) and the largest (`hi`)
 * number of changes that it may have seen
 * @returns how many answers are not those of any such number of changes
 */
export function wrongAnswers(base, changes, answers, k) {
  const state = new Map(base);
  let at = 0;
  let wrong = 0;
  const put = (items, { id, vector }) => (vector ? items.set(id, vector) : items.delete(id));
  for (const answer of answers.toSorted((a, b) => a.lo - b.lo)) {
    while (at < answer.lo) put(state, changes[at++]);
    if (!isAnswer(state, changes, answer, k)) wrong++;
  }
  return wrong;
}

function isAnswer(state, changes, { query, ids, lo, hi }, k) {
  const later = changes.slice(lo, hi);
  const touched = new Set(later.map(({ id }) => id));
  // Items that no change of the window touches: the nearest are the same for all of it.
  const fixed = [];
  for (const [id, vector] of state) if (!touched.has(id)) keep(fixed, { id, d: distance(query, vector) }, k);
  const own = new Map();
  for (const id of touched) if (state.has(id)) own.set(id, state.get(id));
  const of = id => own.get(id) ?? (touched.has(id) ? undefined : state.get(id));
  const fits = () => {
    const nearest = [...fixed];
    for (const [id, vector] of own) keep(nearest, { id, d: distance(query, vector) }, k);
    if (ids.length !== nearest.length || new Set(ids).size !== ids.length) return false;
    // Equal distances may be in any order, and float32 has rounded them.
    return ids.every((id, i) => {
      const vector = of(id);
      return vector !== undefined && Math.abs(distance(query, vector) - nearest[i].d) <= 1e-4 * (1 + nearest[i].d);
    });
  };
  if (fits()) return true;
  for (const { id, vector } of later) {
    if (vector) own.set(id, vector);
    else own.delete(id);
    if (fits()) return true;
  }
  return false;
}

/** Keeps the k nearest, in order. */
function keep(nearest, one, k) {
  if (nearest.length === k && one.d >= nearest[k - 1].d) return;
  let i = nearest.length;
  while (i > 0 && nearest[i - 1].d > one.d) i--;
  nearest.splice(i, 0, one);
  if (nearest.length > k) nearest.pop();
}
