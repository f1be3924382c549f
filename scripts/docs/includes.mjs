// The parts of the reference that are made from the product: what `<!-- include: NAME -->` of a page stands for.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../setup.mjs";
import { apiIncludes } from "./api.mjs";

const cell = text => text.replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll("<", "\\<");

/** `--help` of each command and of their own commands, under a heading each. */
async function commandHelp() {
  const { Command } = await import("commander");
  const { commands } = await import("../../dist/cli/commands.js");
  const program = new Command("merlon");
  const sections = [];
  const visit = (command, names) => {
    const title = [...names, command.name()].join(" ");
    command.configureOutput({ getOutHelpWidth: () => 110, getErrHelpWidth: () => 110 });
    let text = "";
    command.configureOutput({ writeOut: more => (text += more) });
    command.outputHelp();
    sections.push(`### merlon ${title}\n\n\`\`\`text\n${text.trimEnd()}\n\`\`\``);
    for (const below of command.commands) visit(below, [...names, command.name()]);
  };
  for (const command of commands()) {
    program.addCommand(command);
    // Its flags have a page of their own.
    if (command.name() !== "serve") visit(command, []);
  }
  return sections.join("\n\n");
}

/** The flags of `merlon serve` and `tritonserver` as tables. */
async function serverFlags() {
  const { FLAG_GROUPS } = await import("../../dist/cli/tritonserver/flags.js");
  return FLAG_GROUPS.filter(([group]) => group !== "")
    .map(([group, flags]) =>
      [
        `### ${group}\n\n| flag | value | meaning |\n|---|---|---|`,
        ...flags.map(
          ({ name, argument, help }) =>
            `| \`--${name}\` | ${argument && `\`${argument.replaceAll("|", "\\|")}\``} | ${cell(help)} |`,
        ),
      ].join("\n"),
    )
    .join("\n\n");
}

/** Each message of the compiler under its code. */
function messages() {
  const [, ...sections] = readFileSync(join(ROOT, "compiler/diagnostics/messages.md"), "utf8").split(/^## /m);
  return sections
    .map(section => {
      const [code, ...lines] = section.trimEnd().split("\n");
      const pick = mark =>
        lines
          .filter(line => line.startsWith(mark))
          .map(line => line.slice(2))
          .join(" ");
      const rest = lines
        .filter(line => !/^[>=] /.test(line))
        .join("\n")
        .trim();
      return [`### ${code}`, `> ${pick("> ")}`, `**Fix.** ${pick("= ")}`, ...(rest ? [rest] : [])].join("\n\n");
    })
    .join("\n\n");
}

/** @param site folder with TypeDoc @returns name → Markdown */
export const includes = async site => ({
  "command-help": await commandHelp(),
  "server-flags": await serverFlags(),
  messages: messages(),
  ...apiIncludes(site),
});
