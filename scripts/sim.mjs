// The deterministic simulator: npm run sim -- --seeds N | --seed S
import { transpile } from './build.mjs';

await transpile();
const { simulate } = await import('../build/src/sim/cli.js');
process.exitCode = await simulate(process.argv.slice(2));
