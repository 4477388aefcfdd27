// One of several processes that share the seeds: `--jobs`. It gets batches from its parent and answers each with a tally.
import { mutationNamed } from './mutations/all.js';
import { type Batch, SeedRunner } from './tally.js';

const [defect] = process.argv.slice(2);
const send = process.send?.bind(process);
if (send === undefined) throw new Error('this process is started by --jobs');
const runner = new SeedRunner(defect === undefined ? undefined : mutationNamed(defect));
process.on('message', (batch) => void runner.run(batch as Batch).then(send)); // Our own process wrote it.
