// `npm run tutorial -- N`: runs page N of examples/tutorial, that is, the `sh` blocks of its Markdown, in order; what it builds on is run before, once.
// `npm run tutorial -- N --events 2019-Oct.csv …` takes REES46's own files instead of the generator's.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bold, dim, say } from "./demo/terminal.mjs";
import { ensureLab } from "./lab/ensure-lab.mjs";
import { ROOT, setup } from "./setup.mjs";

const HOME = join(ROOT, "examples", "tutorial");
const WORK = join(HOME, ".work");
const PAGES = readdirSync(HOME).filter(name => /^\d.*\.md$/.test(name));
/** page → the pages whose files it reads */
const BUILDS_ON = { 2: [1], 3: [1, 2], 4: [1, 2, 3], 5: [1] };

const HELP = `npm run tutorial -- 1                                     run a page of examples/tutorial: ${PAGES.map(page => page.slice(0, -3)).join(", ")}
npm run tutorial -- 1 --events 2019-Oct.csv 2019-Nov.csv …   on REES46's own files, October to April (else the generator's)
npm run tutorial -- 1 --scale 0.2                         fewer generated events
`;

/** The commands of a page: its fenced blocks of kind `sh`, with the heading of each. */
function blocks(page) {
  const text = readFileSync(join(HOME, page), "utf8");
  return [...text.matchAll(/^## (.+)$|^```sh\n([\s\S]*?)^```$/gm)].map(([, heading, code]) => ({ heading, code }));
}

/** `merlon`, `merlon-lab` and `shop` as commands of this checkout. */
function shims(python) {
  const bin = join(WORK, "bin");
  mkdirSync(bin, { recursive: true });
  const commands = {
    merlon: `exec '${process.execPath}' '${join(ROOT, "dist", "cli", "main.js")}' "$@"`,
    shop: `exec '${process.execPath}' '${join(ROOT, "dist", "examples", "shop", "shop.js")}' "$@"`,
    "merlon-lab": `exec '${python}' -W ignore -m merlon_lab "$@"`,
  };
  for (const [name, line] of Object.entries(commands)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

function runPage(number, env) {
  const page = PAGES.find(name => name.startsWith(String(number)));
  say(
    `\n${bold(readFileSync(join(HOME, page), "utf8").split("\n", 1)[0].replace(/^# /, ""))}   ${dim(`examples/tutorial/${page}`)}`,
  );
  const stamp = join(WORK, `.done-${number}`);
  rmSync(stamp, { force: true });
  // One shell for the page, so that a server which one block starts is there for the next; it ends with the page.
  const script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"];
  for (const { heading, code } of blocks(page)) {
    if (heading) script.push(`printf '\\n%s\\n' ${quote(bold(heading))}`);
    else
      script.push(
        `printf '%s\\n' ${quote(
          code
            .trimEnd()
            .split("\n")
            .map(line => dim(`$ ${line}`))
            .join("\n"),
        )}`,
        code,
      );
  }
  const { status } = spawnSync("bash", ["-c", script.join("\n")], { cwd: WORK, env, stdio: "inherit" });
  if (status !== 0) throw new Error(`page ${number} ended with ${status} at the last command above.`);
  writeFileSync(stamp, "");
}

const quote = text => `'${text.replaceAll("'", "'\\''")}'`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      events: { type: "string", multiple: true },
      scale: { type: "string", default: "1" },
      help: { type: "boolean", short: "h" },
    },
  });
  const [asked, ...files] = positionals;
  if (values.help || !asked) return process.stdout.write(HELP);
  const number = Number(asked);
  if (!PAGES.some(page => page.startsWith(`${number}-`)))
    throw new Error(`there is no page \`${asked}\`. There are ${PAGES.map(page => page[0]).join(", ")}.`);
  // `--events a.csv b.csv`: the shell's glob gives several, and the first alone belongs to the option.
  const events = [...(values.events ?? []), ...files].map(file => resolve(file));
  for (const file of events) if (!existsSync(file)) throw new Error(`${file} is not there. Name REES46's CSV files.`);
  await setup();
  const python = await ensureLab();
  mkdirSync(WORK, { recursive: true });
  const given = JSON.stringify([events, values.scale]);
  const about = join(WORK, ".events");
  if (!existsSync(about) || readFileSync(about, "utf8") !== given)
    for (const page of PAGES) rmSync(join(WORK, `.done-${page[0]}`), { force: true });
  writeFileSync(about, given);
  for (const name of readdirSync(HOME)) if (name.endsWith(".ts")) cpSync(join(HOME, name), join(WORK, name));
  const env = {
    ...process.env,
    PATH: `${shims(python)}:${process.env.PATH}`,
    OMP_NUM_THREADS: "1",
    EVENTS: events.map(quote).join(" "),
    SCALE: values.scale,
  };
  for (const before of BUILDS_ON[number] ?? []) if (!existsSync(join(WORK, `.done-${before}`))) runPage(before, env);
  runPage(number, env);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`\nThe tutorial stopped: ${error.message}\n`);
  process.exitCode = 1;
}
