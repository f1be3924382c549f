/** Places → a function of zsh's completion system. */
import { posixWord } from "./quote.js";
import type { Entry, Place } from "./tree.js";

const patterns = (texts: readonly string[]): string => texts.map(posixWord).join("|");

/** For `_describe`, which splits at the first colon. */
const described = (entries: readonly Entry[]): string =>
  entries.map(({ name, help }) => posixWord(`${name.replaceAll(":", "\\:")}:${help}`)).join(" ");

export function zshScript(places: readonly Place[]): string {
  const routes = places.flatMap(({ route, commands }) => commands.map(({ name }) => `${route} ${name}`));
  const listed: string[] = [];
  const files: string[] = [];
  for (const { route, options } of places)
    for (const { names, value } of options) {
      const at = names.map(name => `${route} ${name}`);
      if (value === "file") files.push(...at);
      else if (value) listed.push(`    (${patterns(at)}) compadd -- ${value.map(posixWord).join(" ")}; return ;;`);
    }
  const cases = places.map(({ route, commands, options, values }) => {
    const entries = options.flatMap(({ names, help }) => names.map(name => ({ name, help })));
    const named = [...commands, ...values.map(name => ({ name, help: "" }))];
    return `    (${posixWord(route)}) names=(${described(named)}); options=(${described(entries)}) ;;`;
  });
  return `#compdef merlon tritonserver
# Completion of merlon and tritonserver in zsh: save this file as _merlon in a folder of $fpath, or source it after compinit.
_merlon() {
  local before="$words[CURRENT-1]" route="$words[1]:t" i
  local -a names options
  if [[ $PREFIX == --*=* ]]; then
    before="\${PREFIX%%=*}"
    compset -P '*='
  fi
  for ((i = 2; i < CURRENT; i++)); do
    case "$route $words[i]" in
      (${patterns(routes)}) route="$route $words[i]" ;;
    esac
  done
  case "$route $before" in
${listed.join("\n")}
    (${patterns(files)}) _files; return ;;
  esac
  case "$route" in
${cases.join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  elif (( $#names )); then
    _describe command names
  else
    _files
  fi
}
if [[ $funcstack[1] == _merlon ]]; then _merlon "$@"; else compdef _merlon merlon tritonserver; fi
`;
}
