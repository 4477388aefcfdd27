// The first statement of the daemon: V8 without its optimising compilers takes 4 MB less and is quick enough for a loop
// that mostly waits. Our setting `lean_memory: false` or PATRONI_LEAN_MEMORY=false keeps them.
import { setFlagsFromString } from 'node:v8';

if (!['false', 'off', 'no', '0'].includes((process.env['PATRONI_LEAN_MEMORY'] ?? '').toLowerCase())) {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--no-sparkplug');
}

const { main } = await import('./daemon.js');
process.exitCode = await main(process.argv.slice(2), process.env);
