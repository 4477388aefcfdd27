// A cluster to watch: etcd, three members, HAProxy. Ctrl-C stops and removes all of it.
// Usage: npm run demo [-- --tour] [--agent ours|python]   (--tour: goes through a switchover and two failures by itself)

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { harness } from './lib/harness.mjs';
import { setup } from './setup.mjs';

const { values } = parseArgs({ options: { tour: { type: 'boolean' }, agent: { type: 'string', default: 'ours' } } });
let checkout;
try {
  setup({ bench: values.agent === 'python' });
  checkout = await harness(fileURLToPath(new URL('..', import.meta.url)), { bundle: values.agent !== 'python' });
  const { demo } = await checkout.load('test/demo/demo.js');
  process.exitCode = await demo({ kind: values.agent === 'python' ? 'python' : 'ours', isTour: values.tour === true });
} catch (error) {
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  checkout?.remove();
}
