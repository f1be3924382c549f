/**
 * The rules of the prose that people read: docs, help, messages, docstrings, comments and names of tests. `npm run prose` counts what breaks
 * them. A rule has a pattern or a test of a sentence, the reason, an alternative, and an example of each side for a test.
 *
 * Code between backticks is `□` in a sentence, and a value that a message inserts is `◇`. Spellings of public names (`artefacts` of a plan,
 * gRPC's `CANCELLED`) are left alone in prose too, so that a search finds both.
 */

const RESPONSE = "servers respond, clients send, functions return or throw, and stores are read";

/** Words of a sentence; a span of code is one. */
export const wordsOf = sentence => sentence.match(/[\p{L}\p{N}□◇][\p{L}\p{N}'’.\-/_□◇]*/gu) ?? [];

const LONGEST = 25;
const HELP = 8;

/**
 * `pattern` is a global expression; `finds` returns the index of a fault in a sentence, or -1. `kinds` are the kinds of text that a rule is
 * for, all without it. `allow` has expressions that match around a legitimate use, each with its reason; `not` excludes whole kinds.
 */
export const RULES = [
  {
    name: "ask",
    pattern: /\b(asks?|asked|asking|tells?|told|telling|hears?|heard|hearing)\b/gi,
    why: "Machines don't converse.",
    instead: `${RESPONSE}: send, request, report, return, show`,
    allow: [
      [/\btell(s|ing)? (them |the \w+ )?apart\b/i, "an idiom: distinguish"],
      [/\bask (a|the) (person|maintainer|question)\b/i, "people ask each other"],
    ],
    bad: "The client asks the server whether it is alive.",
    good: "The client requests the server's health.",
  },
  {
    name: "stand",
    pattern: /\b(stands?|stood|standing|lies|lain|lying)\b/gi,
    why: "Data has a place without a posture.",
    instead: "is, is in, is stored at, precedes, follows",
    allow: [
      [/\bstands? for\b/i, "a symbol stands for its meaning"],
      [/\bstands? in for\b|\bstand-ins?\b/i, "the usual word for a test double"],
    ],
    bad: "The file lies beside the model, where the name stands.",
    good: "The file is beside the model.",
  },
  {
    name: "want",
    pattern: /\b(wants?|wanted|knows|knew|thinks?|believes?|likes|wishes|cares?)\b/gi,
    why: "Machines have no mind.",
    instead: "needs, requires, has, finds, reads",
    allow: [
      [
        /\b(you|I|users?|people|person|readers?|authors?|we|who) (may |might |can |also |still )?(wants?|knows|thinks?|likes|wishes|cares?)\b/i,
        "people do",
      ],
      [/\bwith care\b|\btake care\b/i, "an idiom about people"],
    ],
    bad: "The model wants two inputs and knows their names.",
    good: "The model requires two inputs.",
  },
  {
    name: "go",
    pattern: /\b(goes|went|gone|comes?|came)\b/gi,
    why: "Data does not walk.",
    instead: "is sent, is written, is read from, follows, precedes, was removed, was closed",
    allow: [[/\bfirst[- ]come\b/i, "the name of the queue discipline"]],
    bad: "The request goes to the model, and its answer comes back.",
    good: "The server sends the request to the model.",
  },
  {
    name: "is-no",
    pattern:
      /(?<!\b(?:there|here|it|where) )\b(?:is|are|was|were|be|being) no\b(?! (?:longer|more|less|fewer|\w+er|matter)\b)/gi,
    why: "The negation belongs to the verb.",
    instead: "is not a …, has no …",
    bad: "This name is no column.",
    good: "This name is not a column. There is no default.",
  },
  {
    name: "noun-clause",
    // A question may open so.
    finds: sentence =>
      /^["'(“]*(What(ever)?|Who(ever)?|Whichever|Whose|Of(?! course))\b/.test(sentence) && !/\?["')”]*$/.test(sentence)
        ? 0
        : -1,
    not: ["headings"],
    why: "A sentence opens with its subject.",
    instead: "name the thing: subject, verb, object",
    bad: "What parses bytes of strangers is fuzzed.",
    good: "Fuzz everything that parses untrusted input.",
  },
  {
    name: "what-noun",
    pattern:
      /\b(?:of|for|from|with|by|in|at|than|into|as|and|all) what\b(?! (?:the|a|an|to|if|kind|it) \w+ (?:mean|say|do)\w*\b)(?! if\b)/gi,
    why: "A clause hides the name of the thing.",
    instead: "the noun: input, response, state, value, content",
    allow: [[/\band what (is|was|were|are|to)\b/i, "an indirect question after another one"]],
    bad: "The cache is filled with what the store answered.",
    good: "The cache is filled with the store's rows.",
  },
  {
    name: "where-opening",
    finds: sentence => (/^["'(“]*Where\b/.test(sentence) && !/\?["')”]*$/.test(sentence) ? 0 : -1),
    not: ["headings"],
    why: '"Where" is for places; a condition is "if".',
    instead: "if, when, or the noun: folder, position, offset",
    bad: "Where a value is null, the default is used.",
    good: "If a value is null, the default is used.",
  },
  {
    name: "anybody",
    pattern: /\b(whoever|nobody|nobody's|everybody|everybody's|somebody|somebody's|everyone's|no one's)\b/gi,
    why: "Machines are not persons.",
    instead: "the caller, the client, any process, no request, all of them",
    bad: "A key with a null in it is nobody's.",
    good: "A key with a null matches no entity.",
  },
  {
    name: "so-many",
    pattern: /\b(?:so (?:many|much|often|long)(?! (?:that|as)\b)|many an?|such an one|that many)\b/gi,
    why: "An amount has a name or a number.",
    instead: "N, the number, the limit, the maximum",
    allow: [[/\bnot so (much|many|long|often)\b/i, "a comparison"]],
    bad: "send at most so many requests",
    good: "maximum number of requests",
  },
  {
    name: "british",
    pattern:
      /\b(?:(?:normal|serial|deserial|material|initial|optim|token|quant|summar|recogn|organ|author|minim|maxim|final|categor|synchron|custom|general|special|util|vector|parallel|memo|canonical|sanit|stabil|visual|local|random|parametr|priorit)is(?:e|es|ed|ing|ation|ations|er|ers)|behaviou\w+|colou?rs?(?<=ou\w+)|honou\w+|favou\w+|neighbou\w+|labell\w+|modelling|licen[c]es?|centre[sd]?|analys(?:e|ed|es(?= the| a))|grey|whilst|amongst|learnt|spelt|fulfil|artefact-free)\b/gi,
    why: "American spelling.",
    instead: "normalize, serialize, behavior, color, neighbor, license, center",
    bad: "The behaviour is normalised.",
    good: "The behavior is normalized.",
  },
  {
    name: "long",
    finds: sentence => (wordsOf(sentence).length > LONGEST ? 0 : -1),
    not: ["headings", "tests", "flags"],
    why: `One fact a sentence, ${LONGEST} words or fewer.`,
    instead: "two sentences",
    bad: `A sentence ${"with more and more of its words ".repeat(5)}has to be read a second time.`,
    good: "A sentence has one fact.",
  },
  {
    name: "chain",
    // Two semicolons, or one with a parenthesis of several words, or two such parentheses.
    finds(sentence) {
      const semicolons = sentence.split(";").length - 1;
      const asides = [...sentence.matchAll(/\([^()]*\)/g)].filter(([inside]) => wordsOf(inside).length > 3).length;
      return semicolons + asides > 1 ? 0 : -1;
    },
    not: ["headings", "tests", "flags"],
    why: "A parenthesis or semicolon is usually a second sentence.",
    instead: "two sentences, or a list",
    bad: "It ends (as Triton's does in this case); the next one waits; nothing is lost.",
    good: "It ends. The next one waits (30 s).",
  },
  {
    name: "help-length",
    finds: sentence => (wordsOf(sentence.replaceAll(/\([^()]*\)/g, "")).length > HELP ? 0 : -1),
    kinds: ["flags"],
    why: `The help of a flag is a noun phrase of at most ${HELP} words, with its default in parentheses.`,
    instead: "relative tolerance for floats (default 0)",
    bad: "how often to try in all when the server is not available",
    good: "maximum attempts while the server is unavailable (default 3)",
  },
  {
    name: "arrow",
    pattern: /->|⇒|⟶|➔|⇨/g,
    why: "One arrow.",
    instead: "→, or words",
    bad: "text -> tensor",
    good: "text → tensor",
  },
];

/** Index of each fault of a rule in a sentence of a kind. */
export function faultsOf(rule, sentence, kind) {
  if (rule.kinds ? !rule.kinds.includes(kind) : rule.not?.includes(kind)) return [];
  if (rule.finds) {
    const at = rule.finds(sentence);
    return at < 0 ? [] : [at];
  }
  return [...sentence.matchAll(rule.pattern)]
    .filter(match => !(rule.allow ?? []).some(([expression]) => covers(expression, sentence, match)))
    .map(({ index }) => index);
}

/** Whether a match of an exception overlaps the fault. */
function covers(expression, sentence, { index, 0: text }) {
  const every = new RegExp(expression.source, `${expression.flags.replace("g", "")}g`);
  for (const around of sentence.matchAll(every))
    if (around.index < index + text.length && index < around.index + around[0].length) return true;
  return false;
}
