// `npm run test:nodes`: `npm test -- --all` under each supported line of Node, installed from npm (scripts/node).
// `npm run test:nodes -- --short 24 26` runs the tests that depend on Node most, under these lines.
import { parseArgs } from "node:util";
import { bringNode, runWith } from "./own-node.mjs";
import { SHORT } from "./short-tests.mjs";

const LINES = ["22", "24", "26"];
const HELP = `usage: npm run test:nodes -- [--short] [--shuffle SEED] [LINE…]
  LINE            major version of Node: ${LINES.join(", ")} (all)
  --short         protocols, kernels, native parts and programs only
  --shuffle SEED  the tests in random order
`;

try {
  const { values, positionals } = parseArgs({
    options: {
      short: { type: "boolean", default: false },
      shuffle: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  const unknown = positionals.filter(line => !LINES.includes(line));
  if (unknown.length > 0) throw new Error(`Node ${unknown.join(", ")} is not one of ${LINES.join(", ")}`);
  if (values.help) process.stdout.write(HELP);
  else {
    const words = [
      ...(values.short ? SHORT : ["--all"]),
      ...(values.shuffle === undefined ? [] : [`--shuffle=${values.shuffle}`]),
    ];
    process.exitCode = await testAll(positionals.length > 0 ? positionals : LINES, words);
  }
} catch (error) {
  process.stderr.write(`npm run test:nodes stopped: ${error.message}\n`);
  process.exitCode = 1;
}

async function testAll(lines, words) {
  const failed = [];
  for (const line of lines) {
    const node = bringNode(line);
    process.stdout.write(`\nNode ${line}: npm test${words.length > 0 ? ` -- ${words.join(" ")}` : ""}\n`);
    if ((await runWith(node, ["scripts/test.mjs", ...words])) !== 0) failed.push(line);
  }
  process.stdout.write(`\n${lines.map(line => `${failed.includes(line) ? "✘" : "✔"} Node ${line}`).join("  ")}\n`);
  return failed.length === 0 ? 0 : 1;
}
