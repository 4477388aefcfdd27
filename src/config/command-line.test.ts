import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandLine, parseCommandLine } from './command-line.js';

test('command lines: table', () => {
  const cases: readonly (readonly [string, CommandLine])[] = [
    ['', { kind: 'run', path: undefined }],
    ['a.yml', { kind: 'run', path: 'a.yml' }],
    ['-i -p a.yml', { kind: 'run', path: 'a.yml' }],
    ['--validate-config -ip a.yml', { kind: 'validate', path: 'a.yml', ignoreListenPort: true, print: true }],
    ['--val', { kind: 'validate', path: undefined, ignoreListenPort: false, print: false }],
    ['--generate-s out.yml', { kind: 'generate-sample', output: 'out.yml' }],
    ['--generate-config --dsn host=a', { kind: 'generate', output: undefined, dsn: 'host=a' }],
    ['--generate-config --dsn=a=b o', { kind: 'generate', output: 'o', dsn: 'a=b' }],
    ['--version', { kind: 'exit', code: 0, text: 'patroni 4.1.4\n' }],
  ];
  for (const [line, expected] of cases) assert.deepEqual(parseCommandLine(line.split(' ').filter(Boolean)), expected, line);
});

test('usage errors: table', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['--foo', 'unrecognized arguments: --foo'],
    ['-x', 'unrecognized arguments: -x'],
    ['a b c', 'unrecognized arguments: b c'],
    ['--gen', 'ambiguous option: --gen could match --generate-sample-config, --generate-config'],
    ['--validate-config --generate-config', 'argument --generate-config: not allowed with argument --validate-config'],
    ['--validate-config=5', "argument --validate-config: ignored explicit argument '5'"],
    ['--dsn', 'argument --dsn: expected one argument'],
  ];
  for (const [line, expected] of cases) {
    const result = parseCommandLine(line.split(' '));
    assert.equal('code' in result ? result.code : undefined, 2, line);
    assert.match('text' in result ? result.text : '', /^usage: patroni /);
    assert.equal('text' in result ? result.text.trim().split('\n').at(-1) : '', `patroni: error: ${expected}`);
  }
});

test('help names every option', () => {
  const result = parseCommandLine(['-h']);
  assert.equal('code' in result ? result.code : undefined, 0);
  for (const name of ['--validate-config', '--generate-sample-config', '--generate-config', '--dsn', '-i', '-p', 'configfile']) {
    assert.ok('text' in result && result.text.includes(name), name);
  }
});
