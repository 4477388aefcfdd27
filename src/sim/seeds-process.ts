// One of several processes that share the seeds: `--jobs`. Arguments: first seed, number of seeds, planted defect.
import { mutationNamed } from './mutations/all.js';
import { runSeeds } from './tally.js';

const [first, count, defect] = process.argv.slice(2);
if (process.send === undefined) throw new Error('this process is started by --jobs');
process.send(await runSeeds(Number(first), Number(count), defect === undefined ? undefined : mutationNamed(defect)), () =>
  process.disconnect(),
);
