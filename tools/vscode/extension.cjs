/** VS Code's TypeScript 6, and the extension of TypeScript 7. Each starts for its own languages only. */
const TYPESCRIPTS = ["vscode.typescript-language-features", "TypeScriptTeam.native-preview"];

/** The plugin runs in the server of TypeScript 6. TypeScript 7 reads the content mapper of `tsconfig.json` if it receives these files. */
exports.activate = async ({ subscriptions }) => {
  const { extensions } = require("vscode");
  const [, seven] = await Promise.all(TYPESCRIPTS.map(id => extensions.getExtension(id)?.activate()));
  const mapped = seven?.registerContentMappers?.("merlon.merlon-language", [{ extensions: [".merlon"] }]);
  if (mapped) subscriptions.push(mapped);
};
