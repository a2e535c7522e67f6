// The words of the page, and those that it uses.
import { readFileSync } from "node:fs";

const { app } = JSON.parse(readFileSync(0, "utf8"));
const { CATALOGUES } = await import(`${app}/words.js`);
console.log(JSON.stringify(CATALOGUES));
