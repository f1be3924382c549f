/**
 * What tsserver loads for `"plugins": [{ "name": "merlon" }]`: it takes plugins by package name only, and as CommonJS.
 */
import plugin = require("./service-plugin.js");

export = plugin.servicePlugin;
