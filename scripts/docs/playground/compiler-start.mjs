// The compiler, started by a script of its own: it loads while the editor does.

import { startCompiler } from "./compiler-client.mjs";

export const compiler = startCompiler(new URL("compiler.js", document.baseURI));
