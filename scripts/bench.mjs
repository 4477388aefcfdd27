// The same events against ours and against Debian's Python Patroni, in one run, printed side by side (about 8 minutes).
// Usage: npm run bench [-- --quick] [--only ours|python]

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { harness } from './lib/harness.mjs';
import { setup } from './setup.mjs';

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } });
let checkout;
try {
  if (values.only !== undefined && !['ours', 'python'].includes(values.only))
    throw new Error(`--only takes ours or python, not ${values.only}`);
  setup({ bench: values.only !== 'ours' });
  checkout = await harness(fileURLToPath(new URL('..', import.meta.url)), { bundle: values.only !== 'python' });
  const { bench } = await checkout.load('test/bench/bench.js');
  process.exitCode = await bench({ isQuick: values.quick === true, only: values.only });
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  checkout?.remove();
}
