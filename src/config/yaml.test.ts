import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dumpYaml, parseYaml } from './yaml.js';

test('plain scalars read as PyYAML reads them', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['yes', true],
    ['Off', false],
    ['oN', 'oN'],
    ['y', 'y'],
    ['n', 'n'],
    ['~', null],
    ['', null],
    ['Null', null],
    ['0644', 420],
    ['010', 8],
    ['08', '08'],
    ['0900', '0900'],
    ['0o17', '0o17'],
    ['0x1F', 31],
    ['0b101', 5],
    ['1_000', 1000],
    ['+5', 5],
    ['-0x1f', -31],
    ['1:20', 80],
    ['10:20:30', 37_230],
    ['12:30', 750],
    ['127.0.0.1:5432', '127.0.0.1:5432'],
    ['host:5432', 'host:5432'],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1.0e+3', 1000],
    ['1e5', '1e5'],
    ['1.0e3', '1.0e3'],
    ['.inf', Number.POSITIVE_INFINITY],
    ['-.INF', Number.NEGATIVE_INFINITY],
    ['2020-01-01', '2020-01-01'],
    ['2001-12-14 21:59:43.10', '2001-12-14 21:59:43.10'],
    ['9007199254740993', 9_007_199_254_740_993n],
    ["'on'", 'on'],
    ['"0644"', '0644'],
  ];
  for (const [source, expected] of cases) assert.deepEqual(parseYaml(`k: ${source}`), { k: expected }, source);
});

test('documents: empty, equal keys, merge keys, keys that are no text', () => {
  assert.equal(parseYaml(''), null);
  assert.equal(parseYaml('# nothing\n\n  # more'), null);
  assert.deepEqual(parseYaml('a: 1\na: 2'), { a: 2 });
  assert.deepEqual(parseYaml('b: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3'), { b: { x: 1, y: 2 }, c: { x: 1, y: 3 } });
  assert.deepEqual(parseYaml('1: a'), { 1: 'a' });
});

test('what PyYAML refuses is refused, without quoting the source', () => {
  for (const source of ['a: =', 'a: !foo 1', '---\na: 1\n---\nb: 2', 'a: [1', 'a: b: c', '\tpassword: hunter2']) {
    assert.throws(
      () => parseYaml(source),
      (error: unknown) => error instanceof SyntaxError && !error.message.includes('hunter2'),
      source,
    );
  }
});

test('dump: sorted, sequences not indented, look-alikes quoted', () => {
  const value = {
    z: { b: [1, { x: 'on', w: null }], a: [] },
    A: {},
    t: true,
    s: '0644',
    h: '10:20',
    e: '',
    n: 'null',
    f: '1.5',
    d: '2020-01-01',
  };
  assert.equal(
    dumpYaml(value),
    "A: {}\nd: '2020-01-01'\ne: ''\nf: '1.5'\nh: '10:20'\nn: 'null'\ns: '0644'\nt: true\nz:\n  a: []\n  b:\n  - 1\n  - w: null\n    x: 'on'\n",
  );
  assert.equal(dumpYaml({ a: 'ü', b: '=' }), "a: ü\nb: '='\n");
});

test('what is dumped reads back the same', () => {
  const texts = [
    'y',
    'N',
    'yes',
    '=',
    '<<',
    '~',
    '0x1',
    '1_0',
    '1e5',
    '.5',
    '-',
    '- a',
    'a: b',
    '#x',
    'a #b',
    '@x',
    '%x',
    '*x',
    '&x',
    '!x',
    '|',
    'a\nb\n',
  ];
  const value = { texts: [...texts, "it's", '"q"', 'x'.repeat(300), `${'word '.repeat(60)}end`], numbers: [0, -1, 1.25, 1e-7] };
  assert.deepEqual(parseYaml(dumpYaml(value, { lineWidth: 200 })), value);
});

test('property: every JSON value survives dump and parse', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(40, 80, 200), (value, lineWidth) => {
      // JSON's -0 is 0, and integers beyond 2^53 come back as bigint.
      const plain = (data: unknown): unknown =>
        JSON.parse(JSON.stringify(data, (_, item) => (typeof item === 'bigint' ? Number(item) : item)));
      assert.deepEqual(plain(parseYaml(dumpYaml(plain(value), { lineWidth }))), plain(value));
    }),
    { numRuns: 300 },
  );
});
