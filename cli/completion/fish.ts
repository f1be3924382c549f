/** Places → commands of fish's `complete`. */
import { fishWord } from "./quote.js";
import type { OptionEntry, Place } from "./tree.js";

const flags = (names: readonly string[]): string =>
  names.map(name => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(" ");

const ofValue = ({ value }: OptionEntry): string => {
  if (value === undefined) return "";
  return value === "file" ? " -r" : ` -x -a ${fishWord(value.join(" "))}`;
};

export function fishScript(places: readonly Place[]): string {
  const routes = places.flatMap(({ route, commands }) => commands.map(({ name }) => `${route} ${name}`));
  const lines = places.flatMap(({ route, commands, options, values }) => {
    const at = `complete -c ${route.split(" ")[0]} -n ${fishWord(`__merlon_at ${fishWord(route)}`)}`;
    return [
      ...commands.map(({ name, help }) => `${at} -f -a ${fishWord(name)} -d ${fishWord(help)}`),
      ...(values.length > 0 ? [`${at} -f -a ${fishWord(values.join(" "))}`] : []),
      ...options.map(option => `${at} ${flags(option.names)}${ofValue(option)} -d ${fishWord(option.help)}`),
    ];
  });
  return `# Completion of merlon and tritonserver in fish: save this file as ~/.config/fish/completions/merlon.fish
function __merlon_at
    set -l given (commandline -opc)
    set -l route (string replace -r '.*/' '' -- $given[1])
    for word in $given[2..-1]
        switch "$route $word"
            case ${routes.map(fishWord).join(" ")}
                set route "$route $word"
        end
    end
    test "$route" = "$argv[1]"
end
${lines.join("\n")}
`;
}
