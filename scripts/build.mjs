// Bundles the daemon and patronictl into dist/. A store's client and other rarely used parts are chunks of their own,
// loaded when they are needed. Usage: node scripts/build.mjs [--tests]  (--tests: also every file, unbundled, into build/)

import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { answerHelp } from './lib/help.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// `pg` is CommonJS and probes for Cloudflare with `Response`, which would load Node's whole fetch stack (+7 MB).
const banner = {
  js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);globalThis.navigator??={userAgent:'Node.js'};",
};

export async function bundle() {
  await rm(join(root, 'dist'), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: { patroni: 'src/main.ts', patronictl: 'src/ctl-main.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minify: true,
    keepNames: true,
    external: ['pg-native', 'koffi'],
    banner,
    logLevel: 'warning',
  });
}

function typescriptFiles(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Every source and test file, one to one, for node:test. */
export async function transpile() {
  await build({
    absWorkingDir: root,
    entryPoints: [...typescriptFiles('src'), ...typescriptFiles('test')],
    outbase: root,
    outdir: 'build',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  answerHelp(import.meta.url);
  if (process.argv.includes('--tests')) await transpile();
  else await bundle();
}
