/** VS Code starts its TypeScript extension for files of TypeScript and JavaScript only, and the plugin runs in its server. */
exports.activate = () => require("vscode").extensions.getExtension("vscode.typescript-language-features")?.activate();
