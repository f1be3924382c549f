/**
 * The entry of tsserver for `"plugins": [{ "name": "merlon" }]`: it loads plugins by package name only, and as CommonJS.
 */
import plugin = require("./service-plugin.js");

export = plugin.servicePlugin;
