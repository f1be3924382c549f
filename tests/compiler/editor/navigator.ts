/**
 * A live language server seen by offsets into the authors' texts, alike for tsserver and for TypeScript 7's. Requests of a test are computed from
 * the texts, never from the server.
 */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type NativeEditor, type Position, startNativeEditor } from "./native-server.js";
import { type Editor, type Place, startEditor } from "./tsserver.js";

/** A range of a file of the project, by its name there. */
export interface Found {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export interface Navigator {
  /** Writes a file and opens it; again, sets the text as a whole. */
  open(name: string, text: string): void;
  /** Types over a range, and does not save. */
  edit(name: string, start: number, end: number, text: string): void;
  text(name: string): string;
  find(kind: "definition" | "implementation" | "references" | "rename", name: string, at: number): Promise<Found[]>;
  /** The text of the hover, and the range it is about. */
  hover(name: string, at: number): Promise<{ readonly text: string; readonly range?: Found }>;
  completion(name: string, at: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

const positionOf = (text: string, offset: number): Position => {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length - 1, character: lines.at(-1)!.length };
};

function offsetOf(text: string, { line, character }: Position): number {
  const lines = text.split("\n");
  if (lines[line] === undefined || character > lines[line].length)
    throw new Error(`${line + 1}:${character + 1} is outside of the text`);
  return lines.slice(0, line).reduce((sum, { length }) => sum + length + 1, 0) + character;
}

/** The texts as they are in the editor; places in other files, such as Merlon's own, are left out. */
function openTexts(folder: string) {
  const texts = new Map<string, string>();
  return {
    texts,
    found: (path: string, start: Position, end: Position): Found[] => {
      const file = path.slice(folder.length + 1);
      const text = path.startsWith(folder) ? texts.get(file) : undefined;
      return text === undefined ? [] : [{ file, start: offsetOf(text, start), end: offsetOf(text, end) }];
    },
  };
}

export function tsserverNavigator(config: object): Navigator {
  const editor: Editor = startEditor(config);
  const { texts, found } = openTexts(editor.folder);
  const place = ({ line, character }: Position): Place => ({ line: line + 1, offset: character + 1 });
  const position = ({ line, offset }: Place): Position => ({ line: line - 1, character: offset - 1 });
  const at = (name: string, offset: number) => ({
    file: join(editor.folder, name),
    ...place(positionOf(texts.get(name)!, offset)),
  });
  type Span = { readonly start: Place; readonly end: Place };
  const spans = (list: readonly (Span & { file: string })[]) =>
    list.flatMap(({ file, start, end }) => found(file, position(start), position(end)));
  return {
    open(name, text) {
      if (texts.has(name)) editor.type(join(editor.folder, name), text);
      else editor.open(name, text);
      texts.set(name, text);
    },
    edit(name, start, end, text) {
      const before = texts.get(name)!;
      editor.change(join(editor.folder, name), {
        start: place(positionOf(before, start)),
        end: place(positionOf(before, end)),
        newText: text,
      });
      texts.set(name, before.slice(0, start) + text + before.slice(end));
    },
    text: name => texts.get(name)!,
    async find(kind, name, offset) {
      switch (kind) {
        case "definition": {
          const { definitions } = await editor.ask<{ definitions: (Span & { file: string })[] }>(
            "definitionAndBoundSpan",
            at(name, offset),
          );
          const alone = await editor.ask<(Span & { file: string })[]>("definition", at(name, offset));
          return [...spans(definitions), ...spans(alone)];
        }
        case "implementation":
          return spans(await editor.ask("implementation", at(name, offset)));
        case "references":
          return spans((await editor.ask<{ refs: (Span & { file: string })[] }>("references", at(name, offset))).refs);
        case "rename": {
          const { locs } = await editor.ask<{ locs: { file: string; locs: Span[] }[] }>("rename", at(name, offset));
          return locs.flatMap(group => spans(group.locs.map(span => ({ ...span, file: group.file }))));
        }
      }
    },
    async hover(name, offset) {
      const { displayString, start, end } = await editor.ask<Span & { displayString: string }>(
        "quickinfo",
        at(name, offset),
      );
      return { text: displayString, range: found(join(editor.folder, name), position(start), position(end))[0]! };
    },
    async completion(name, offset) {
      const { entries } = await editor.ask<{ entries: { name: string }[] }>("completionInfo", at(name, offset));
      return entries.map(entry => entry.name);
    },
    close: () => editor.close(),
  };
}

export async function nativeNavigator(typescript: string, config: object): Promise<Navigator> {
  const editor: NativeEditor = await startNativeEditor(typescript, config);
  const { texts, found } = openTexts(editor.folder);
  const uriOf = (name: string): string => pathToFileURL(join(editor.folder, name)).href;
  const at = (name: string, offset: number) => ({
    textDocument: { uri: uriOf(name) },
    position: positionOf(texts.get(name)!, offset),
  });
  type Range = { readonly start: Position; readonly end: Position };
  type Location =
    | { readonly uri: string; readonly range: Range }
    | { readonly targetUri: string; readonly targetSelectionRange: Range };
  const locations = (list: readonly Location[] | Location | null) =>
    [list ?? []].flat().flatMap(location => {
      const [uri, range] =
        "uri" in location ? [location.uri, location.range] : [location.targetUri, location.targetSelectionRange];
      return found(fileURLToPath(uri), range.start, range.end);
    });
  return {
    open(name, text) {
      if (texts.has(name)) editor.type(uriOf(name), text);
      else editor.open(name, text);
      texts.set(name, text);
    },
    edit(name, start, end, text) {
      const before = texts.get(name)!;
      editor.change(uriOf(name), {
        range: { start: positionOf(before, start), end: positionOf(before, end) },
        text,
      });
      texts.set(name, before.slice(0, start) + text + before.slice(end));
    },
    text: name => texts.get(name)!,
    async find(kind, name, offset) {
      const where = at(name, offset);
      if (kind === "definition" || kind === "implementation")
        return locations(await editor.ask(`textDocument/${kind}`, where));
      if (kind === "references")
        return locations(
          await editor.ask("textDocument/references", { ...where, context: { includeDeclaration: true } }),
        );
      const { changes } = await editor.ask<{ changes: Record<string, { range: Range }[]> }>("textDocument/rename", {
        ...where,
        newName: "renamed",
      });
      return Object.entries(changes).flatMap(([uri, edits]) => locations(edits.map(({ range }) => ({ uri, range }))));
    },
    async hover(name, offset) {
      const { contents, range } = await editor.ask<{ contents: { value: string }; range?: Range }>(
        "textDocument/hover",
        at(name, offset),
      );
      const about = range && found(join(editor.folder, name), range.start, range.end)[0];
      return { text: contents.value, ...(about && { range: about }) };
    },
    async completion(name, offset) {
      const list = await editor.ask<{ items: { label: string }[] } | { label: string }[]>(
        "textDocument/completion",
        at(name, offset),
      );
      return ("items" in list ? list.items : list).map(({ label }) => label);
    },
    close: () => editor.close(),
  };
}
