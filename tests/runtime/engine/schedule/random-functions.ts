/** The functions of the random ensembles, as text, like those of a program. */
import { $lambda } from "#compiler/dsl/index.js";

const TEXTS = {
  isNew: "visits => visits < 3",
  cheap: "item => item.price < 35",
  score: "(item_id, user_visits) => (item_id * 37 + user_visits * 11) % 17 / 17",
  visits: "(item_id, user_visits) => user_visits",
  stock: "item_id => item_id % 2 == 0",
  brand: "item_id => item_id % 7",
  level: "item_id => item_id % 3",
  even: "item => item.item_id % 2 == 0",
  home: 'city => (city === null ? "none" : city.trim().toUpperCase())',
  many: "bought => (bought.length > 2 ? bought.at(-1) : bought.length)",
  known: "(city, age) => city !== null && age > 35",
  label: "item_id => (item_id % 4 == 0 ? null : `b${item_id % 3}`)",
  odd: "row => row.user_visits > 0 && row.price !== 13.5",
  // Functions of users' lists, vectors and texts of each length.
  own: "(item_id, user_visits, user_licensed, user_query, user_town) => (user_licensed.includes(item_id) ? 1 : 0) + user_licensed.length / 8 + user_query[0] * user_visits + (user_town === null ? 0.25 : user_town === 'Ghent' ? 0.5 : 0) + item_id / 64",
  named: "item_id => (item_id % 4 == 0 ? null : item_id % 3 == 1 ? 'b1' : 'another')",
  local: "item => item.user_licensed.includes(item.item_id) || (item.user_town === 'Ghent' && item.price < 40)",
} as const;
const FILE = Object.values(TEXTS).join(";\n");
export const lambdas = Object.values(TEXTS).map(text => {
  const start = FILE.indexOf(text);
  return { file: "random.ts", text: FILE, range: { start, end: start + text.length } };
});
export const f = (name: keyof typeof TEXTS) => $lambda(() => 0, Object.keys(TEXTS).indexOf(name));
