import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Answers `--help` with the comment that the script begins with, and ends the process. @param url the script's `import.meta.url` */
export function answerHelp(url) {
  if (!process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) return;
  const lines = readFileSync(fileURLToPath(url), 'utf8').split('\n');
  const head = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('//')),
  );
  process.stdout.write(`${head.map((line) => line.replace(/^\/\/ ?/, '')).join('\n')}\n`);
  process.exit(0);
}
