import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

/** The root of the repository, from `build/test`. */
const root = join(import.meta.dirname, '../..');
const LEFT_OUT = new Set(['node_modules', 'build', 'dist', '.git', '.cache']);

function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (LEFT_OUT.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

const files = markdownFiles(root).map((path) => ({ path, name: relative(root, path), text: readFileSync(path, 'utf8') }));
const findings = (find: (file: (typeof files)[number]) => readonly string[]): string[] =>
  files.flatMap((file) => find(file).map((what) => `${file.name}: ${what}`));

/** The identifier that a heading gets, as code hosts build it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function isResolved(from: string, target: string): boolean {
  const [path = '', anchor] = decodeURI(target).split('#', 2);
  const file = path === '' ? from : join(dirname(from), path);
  if (!existsSync(file)) return false;
  if (anchor === undefined || !file.endsWith('.md')) return true;
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading.trim()));
  return headings.includes(anchor);
}

test('every relative link leads somewhere', () => {
  const broken = findings(({ path, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target) && !isResolved(path, target)),
  );
  assert.deepEqual(broken, []);
});

test('every command "npm run X" exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  const missing = findings(({ text }) =>
    [...text.matchAll(/npm run ([a-z][a-z:-]*)/g)].map(([, name = '']) => name).filter((name) => scripts[name] === undefined),
  );
  assert.deepEqual(missing, []);
});

test('files and folders that a document names from the root exist', () => {
  const missing = findings(({ text }) =>
    [...text.matchAll(/`((?:src|test|scripts|docs)\/[\w./-]*[\w])\/?`/g)]
      .map(([, name = '']) => name)
      .filter((name) => !existsSync(join(root, name))),
  );
  assert.deepEqual(missing, []);
});

test('rules that a document names stand in docs/rules.md', () => {
  const rules = readFileSync(join(root, 'docs/rules.md'), 'utf8');
  const tables = [...rules.matchAll(/^## ([a-z-]+)$/gm)].map(([, name]) => name).join('|');
  const missing = findings(({ text }) =>
    [...text.matchAll(new RegExp(`\`((?:${tables})/[a-z-]+)\``, 'g'))]
      .map(([, id = '']) => id)
      .filter((id) => !rules.includes(`\`${id}\``)),
  );
  assert.deepEqual(missing, []);
});

test('the REST paths of docs/rest-api.md are in the router', { skip: !existsSync(join(root, 'docs/rest-api.md')) }, () => {
  const sources = ['server.ts', 'health.ts', 'routes/documents.ts']
    .map((name) => readFileSync(join(root, 'src/api', name), 'utf8'))
    .join('\n');
  const text = readFileSync(join(root, 'docs/rest-api.md'), 'utf8');
  const named = [...text.matchAll(/`(?:GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE) \/([a-z_-]+)/g)].map(([, name = '']) => name);
  const missing = named.filter((name) => !new RegExp(`['\`/ ]${name}\\b`).test(sources));
  assert.deepEqual(missing, []);
});

/** `file`: "text", "text": tests of that file whose names contain the texts. */
const TESTS = /`((?:src|test)\/[^`]+)`(?:: ((?:"[^"]+"(?:, )?)+))?/g;
const troubles = readFileSync(join(root, 'docs/troubles.md'), 'utf8');
const testsIn = (text: string): { readonly file: string; readonly names: readonly string[] }[] =>
  [...text.matchAll(TESTS)].map(([, file = '', names = '']) => ({
    file,
    names: [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
  }));

test('the tests that docs/troubles.md names exist', () => {
  const missing = testsIn(troubles).flatMap(({ file, names }) => {
    if (file === 'test/docs.test.ts') return [];
    if (names.length === 0) return [`${file}: no test is named`];
    const source = readFileSync(join(root, file), 'utf8');
    return names.filter((name) => !source.includes(name)).map((name) => `${file}: "${name}"`);
  });
  assert.deepEqual(missing, []);
});

test('each family of docs/troubles.md has a test that bears the number of one of its issues', () => {
  const rows = [...troubles.matchAll(/^\| (\d+): (.+?) \| .+ \| (.+) \|$/gm)].map(([, family = '', what = '', tests = '']) => ({
    family,
    what,
    tests,
  }));
  const withoutTest = rows.filter(({ what, tests }) => {
    const issues = [...what.matchAll(/[#\s](\d{3,})/g)].map(([, issue = '']) => issue);
    return !testsIn(tests).some(({ names }) => names.some((name) => issues.some((issue) => new RegExp(`-${issue}\\b`).test(name))));
  });
  assert.deepEqual(
    withoutTest.map(({ family, what }) => `${family}: ${what}`),
    [],
  );
  const families = new Set(rows.map(({ family }) => Number(family)));
  const all = Array.from({ length: 18 }, (_, index) => index + 1);
  assert.deepEqual(
    all.filter((family) => !families.has(family)),
    [],
  );
});
