/**
 * The commands as a tree of names, as scripts of shells complete them: made from commander's own tree, so nothing is listed twice.
 */
import type { Command, Option } from "commander";
import { FLAGS } from "../tritonserver/flags.js";

export interface Entry {
  readonly name: string;
  /** One line. */
  readonly help: string;
}

export interface OptionEntry {
  /** `--out`, `-o`. */
  readonly names: readonly string[];
  readonly help: string;
  /** Allowed values; `file` for any file. Undefined for an option without a value. */
  readonly value?: "file" | readonly string[];
}

export interface Place {
  /** `merlon client infer`. */
  readonly route: string;
  readonly commands: readonly Entry[];
  readonly options: readonly OptionEntry[];
  /** Values of the first argument, where they are known. */
  readonly values: readonly string[];
}

const line = (text: string): string => text.replace(/\s+/g, " ").trim();

const HELP: OptionEntry = { names: ["--help", "-h"], help: "show the help of the command" };
const NO_COLOR: OptionEntry = { names: ["--no-color"], help: "print without colors" };

/** Every place of a program at which words can follow, the program itself first. */
export function placesOf(command: Command, before = ""): readonly Place[] {
  const route = before ? `${before} ${command.name()}` : command.name();
  const own = command.options.filter(({ hidden }) => !hidden).map(optionEntry);
  const isServer = route === "merlon serve";
  const all = isServer ? [...own, ...serverOptions, ...UI] : own;
  const options = [...all, HELP, NO_COLOR];
  const place: Place = {
    route,
    commands: command.commands.map(one => ({ name: one.name(), help: line(one.description()) })),
    options: options.filter(({ names: [name] }, i) => options.findIndex(one => one.names[0] === name) === i),
    values: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [place, ...command.commands.flatMap(one => placesOf(one, route))];
}

function optionEntry({ long, short, description, required, optional, argChoices }: Option): OptionEntry {
  const names = [long, short].filter(name => name != null);
  return { names, help: line(description), ...((required || optional) && { value: argChoices ?? "file" }) };
}

const serverOptions: readonly OptionEntry[] = FLAGS.map(({ name, argument, optional, help }) => ({
  names: [`--${name}`],
  help: line(help),
  ...(argument !== "" && !optional && { value: argument === "boolean" ? ["true", "false"] : ("file" as const) }),
}));

const UI: readonly OptionEntry[] = [
  { names: ["--ui"], help: "show models, requests and candidates on a page" },
  { names: ["--ui-address"], help: "address of the page", value: [] },
];

/** Triton's command line has flags alone. */
export const tritonserverPlace: Place = { route: "tritonserver", commands: [], options: serverOptions, values: [] };
