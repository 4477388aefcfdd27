// One of several processes that share the seeds: `--jobs`. Arguments: first seed, number of seeds.
import { runSeeds } from './cli.js';

const [first, count] = process.argv.slice(2).map(Number);
if (first === undefined || count === undefined || process.send === undefined) throw new Error('this process is started by --jobs');
process.send(await runSeeds(first, count), () => process.disconnect());
