/** Places → a script for bash 3.2 or newer. */
import { posixWord } from "./quote.js";
import type { OptionEntry, Place } from "./tree.js";

const words = (names: readonly string[]): string => posixWord(names.join(" "));

/** Patterns of a `case`; bash reads a command substitution in none of them, since each is quoted. */
const patterns = (texts: readonly string[]): string => texts.map(posixWord).join(" | ");

export function bashScript(places: readonly Place[]): string {
  const routes = places.flatMap(({ route, commands }) => commands.map(({ name }) => `${route} ${name}`));
  const listed: string[] = [];
  const files: string[] = [];
  for (const { route, options } of places)
    for (const { names, value } of options) {
      const at = names.map(name => `${route} ${name}`);
      if (value === "file") files.push(...at);
      else if (value) listed.push(`    ${patterns(at)}) words=${words(value)}; known=1 ;;`);
    }
  const cases = places.map(
    ({ route, commands, options, values }) =>
      `      ${posixWord(route)}) names=${words([...commands.map(({ name }) => name), ...values])}; options=${words(options.flatMap((one: OptionEntry) => one.names))} ;;`,
  );
  return `# Completion of merlon and tritonserver in bash: source this file, or save it as
# ~/.local/share/bash-completion/completions/merlon
_merlon() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" route="\${COMP_WORDS[0]##*/}"
  local words='' names='' options='' known='' i IFS=$' \\t\\n'
  COMPREPLY=()
  # \`--flag=value\` comes in three words.
  if [[ $word == = ]]; then word=''; elif [[ $before == = ]]; then before="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$route \${COMP_WORDS[i]}" in
      ${patterns(routes)}) route="$route \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$route $before" in
${listed.join("\n")}
    ${patterns(files)}) known=1 ;;
  esac
  if [[ -z $known ]]; then
    case "$route" in
${cases.join("\n")}
    esac
    if [[ $word == -* ]]; then words=$options; else words=$names; fi
  fi
  # Where nothing is known, readline completes files.
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$word")); fi
}
complete -o default -F _merlon merlon tritonserver
`;
}
