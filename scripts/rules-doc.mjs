// Writes docs/rules.md: every decision table in the order in which it is read. Usage: node scripts/rules-doc.mjs
// A changed rule shows there as a diff; src/ha/tables.test.ts fails while the document is stale.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transpile } from './build.mjs';
import { answerHelp } from './lib/help.mjs';

answerHelp(import.meta.url);

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

await transpile();
const { allTables, rulesDocument } = await import(pathToFileURL(file('build/src/ha/tables.js')).href);
await writeFile(file('docs/rules.md'), rulesDocument(allTables()));
