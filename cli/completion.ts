/** `merlon completion SHELL`: a script that completes commands, options and their values. */
import { Argument, Command } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export const completionCommand = (): Command =>
  new Command("completion")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "the shell that reads the script").choices(SHELLS))
    .addHelpText(
      "after",
      `
Examples:
  $ merlon completion bash > ~/.local/share/bash-completion/completions/merlon
  $ merlon completion zsh > "\${fpath[1]}/_merlon"
  $ merlon completion fish > ~/.config/fish/completions/merlon.fish`,
    )
    .action(async (shell: Shell, _, self: Command) => {
      process.stdout.write(await completionScript(shell, self.parent!));
    });

/** @param program with all its commands */
export async function completionScript(shell: Shell, program: Command): Promise<string> {
  const { placesOf, tritonserverPlace } = await import("./completion/tree.js");
  const places = [...placesOf(program), tritonserverPlace];
  switch (shell) {
    case "bash":
      return (await import("./completion/bash.js")).bashScript(places);
    case "zsh":
      return (await import("./completion/zsh.js")).zshScript(places);
    case "fish":
      return (await import("./completion/fish.js")).fishScript(places);
    default:
      return shell satisfies never;
  }
}
