// A reporter for node:test: a line per file, the details of each failure, and counts as JSON for scripts/test.mjs.

import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';

function describe(error) {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause).replaceAll(/^/gm, '      ');
}

/** Yields the text to show for the events of one run; writes `{ passed, failed, skipped }` to $TEST_COUNTS at its end. */
export default async function* report(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const files = new Map();
  const diagnostics = [];
  /** Names of the suites around, since one definition may be run for several back ends. */
  const around = [];
  for await (const { type, data } of events) {
    if (type === 'test:stderr' || type === 'test:stdout') {
      diagnostics.push(data.message);
      if (diagnostics.length > 400) diagnostics.shift();
      continue;
    }
    if (type === 'test:start') around.splice(data.nesting, Number.POSITIVE_INFINITY, data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite' && type === 'test:pass') continue;
    const file = data.file ?? data.name;
    const isSuite = data.details?.type === 'suite';
    if (data.skip !== undefined || data.todo !== undefined) {
      counts.skipped += 1;
      if (typeof data.skip === 'string') yield `    skipped: ${data.name}: ${data.skip}\n`;
    } else if (type === 'test:pass') counts.passed += 1;
    else if (!isSuite || data.details?.error?.failureType !== 'subtestsFailed') {
      counts.failed += 1;
      const name = [...around.slice(0, data.nesting), data.name].join(' > ');
      yield `    ✖ ${name} (${basename(file)})\n${describe(data.details?.error)}\n`;
    }
    files.set(file, (files.get(file) ?? 0) + 1);
    writeFileSync(process.env.TEST_COUNTS ?? '/dev/null', JSON.stringify(counts));
  }
  if (counts.failed > 0 && diagnostics.length > 0) yield `    output of the tests (its end):\n${diagnostics.join('').slice(-20_000)}\n`;
  writeFileSync(process.env.TEST_COUNTS ?? '/dev/null', JSON.stringify(counts));
}
