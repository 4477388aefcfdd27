import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { milliseconds } from '../base/duration.js';
import type { Clock } from '../ports/clock.js';
import type { LogSettings } from '../ports/settings.js';
import { nodeClock } from './node-clock.js';
import { createLog, INITIAL_LOG_SETTINGS, type NodeLog } from './node-log.js';
import { strftime } from './strftime.js';

const WALL = new Date(2026, 10, 23, 2, 36, 0, 123).getTime();
const clock: Clock = { ...nodeClock, monotonic: () => milliseconds(0), wall: () => WALL };

function setUp(
  t: TestContext,
  settings: Partial<LogSettings> = {},
): { log: NodeLog; dir: string; text: () => string; settings: LogSettings } {
  const dir = mkdtempSync(join(tmpdir(), 'patroni-log-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const all: LogSettings = { ...INITIAL_LOG_SETTINGS, level: 20, dir, ...settings };
  const log = createLog(all, clock);
  const text = (): string => {
    log.flushSync();
    return readFileSync(join(dir, 'patroni.log'), 'utf8');
  };
  return { log, dir, settings: all, text };
}

test("plain lines have Patroni's format", (t) => {
  const { log, text } = setUp(t);
  log.info('no action. I am (a), the leader with the lock');
  log.debug('hidden');
  log.warning('careful');
  assert.equal(
    text(),
    '2026-11-23 02:36:00,123 INFO: no action. I am (a), the leader with the lock\n2026-11-23 02:36:00,123 WARNING: careful\n',
  );
});

test('templates: widths, fields, date format', (t) => {
  const { log, text } = setUp(t, {
    format: '%(asctime)s|%(levelname)-8s|%(name)s|%(module)s|%(levelno)05d|100%%|%(nope)s %(message).3s',
    dateformat: '%d/%b/%y %H:%M',
  });
  log.named('patroni.ha').info('message');
  assert.equal(text(), '23/Nov/26 02:36|INFO    |patroni.ha|ha|00020|100%|%(nope)s mes\n');
});

test('JSON lines: renamed and static fields, errors as exc_info', (t) => {
  const { log, text } = setUp(t, { type: 'json', format: [{ asctime: '@t', levelname: 'lvl' }, 'message'], staticFields: { app: 'pg' } });
  log.error('sörry', new Error('boom', { cause: new TypeError('why') }));
  const line = JSON.parse(text()) as Record<string, string>;
  assert.deepEqual(Object.keys(line), ['@t', 'lvl', 'message', 'exc_info', 'app']);
  assert.equal(line['message'], 'sörry');
  assert.match(line['exc_info'] ?? '', /^Error: boom\n(?:.*\n)*Caused by: TypeError: why/);
});

test('stack traces by traceback_level', (t) => {
  const { log, text } = setUp(t, { tracebackLevel: 'DEBUG', loggers: { 'patroni.ha': 10 } });
  log.error('failed', new Error('boom'));
  log.named('patroni.ha').error('failed', new Error('boom'));
  log.warning('hm', new Error('boom'));
  const lines = text().split('\n');
  assert.match(lines[0] ?? '', /ERROR: failed, DETAIL: 'Error: boom'$/);
  assert.match(lines[1] ?? '', /DEBUG: failed$/);
  assert.equal(lines[2], 'Error: boom');
  assert.match(lines.at(-2) ?? '', /WARNING: hm: Error: boom$/);
});

test('levels of modules; a reload forgets the ones no longer listed', (t) => {
  const { log, text, settings } = setUp(t, { level: 30, loggers: { 'patroni.dcs': 10, 'patroni.dcs.etcd': 40 } });
  const say = (): void => {
    for (const name of ['patroni', 'patroni.dcs', 'patroni.dcs.consul', 'patroni.dcs.etcd', 'patroni.dcsx']) log.named(name).info(name);
  };
  say();
  log.reconfigure({ ...settings, loggers: {} });
  say();
  log.warning('end');
  assert.deepEqual(
    text()
      .split('\n')
      .map((line) => line.split(': ')[1]),
    ['patroni.dcs', 'patroni.dcs.consul', 'end', undefined],
  );
});

test('heartbeats: the lock owner is left out, equal ones on request', (t) => {
  const { log, text } = setUp(t, { format: '%(message)s', deduplicateHeartbeatLogs: true });
  for (let i = 0; i < 3; i++) {
    log.info('Lock owner: a; I am a');
    log.info('no action. I am (a)');
  }
  log.info('Lock owner: b; I am a');
  log.info('demoting');
  log.info('no action. I am (a)');
  assert.equal(text(), 'no action. I am (a)\nLock owner: b; I am a\ndemoting\nno action. I am (a)\n');
});

test('heartbeats are complete when the level is not INFO', (t) => {
  const { log, text } = setUp(t, { level: 10, format: '%(message)s', deduplicateHeartbeatLogs: true });
  for (let i = 0; i < 2; i++) {
    log.info('Lock owner: a');
    log.info('no action. x');
  }
  assert.equal(text(), 'Lock owner: a\nno action. x\n'.repeat(2));
});

test('a full queue drops records, counts them and says so afterwards', (t) => {
  const { log, text } = setUp(t, { maxQueueSize: 2, format: '%(message)s' });
  for (let i = 0; i < 5; i++) log.info(String(i));
  assert.deepEqual({ ...log.queue }, { size: 2, lost: 3 });
  assert.equal(text(), '0\n1\n');
  log.info('5');
  assert.equal(text(), '0\n1\n5\nQueueHandler has lost 3 log records\n');
});

test('files are rotated before they reach their size', (t) => {
  const { log, text, dir } = setUp(t, { fileSize: 25, fileNum: 2, format: '%(message)s', mode: 0o640 });
  for (let i = 0; i < 9; i++) log.info(`line ${i} ..`);
  assert.equal(text(), 'line 8 ..\n');
  assert.deepEqual(readdirSync(dir).sort(), ['patroni.log', 'patroni.log.1', 'patroni.log.2']);
  assert.equal(readFileSync(join(dir, 'patroni.log.1'), 'utf8'), 'line 6 ..\nline 7 ..\n');
  assert.equal(statSync(join(dir, 'patroni.log')).mode & 0o777, 0o640);
});

test('without a flush the queue drains by itself', async (t) => {
  const { log, dir } = setUp(t, { format: '%(message)s' });
  for (let i = 0; i < 100; i++) log.info(String(i));
  const path = join(dir, 'patroni.log');
  while (!readFileSync(path, 'utf8').endsWith('99\n')) await new Promise(setImmediate);
  assert.equal(log.queue.size, 0);
});

test('a directory that is not there is refused and changes nothing', (t) => {
  const { log, text, settings } = setUp(t, { format: '%(message)s' });
  assert.throws(() => log.reconfigure({ ...settings, dir: '/does/not/exist' }), /ENOENT/);
  log.info('still here');
  assert.equal(text(), 'still here\n');
});

test('strftime: table', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['%Y-%m-%d %H:%M:%S', '2026-11-23 02:36:00'],
    ['%F %T', '2026-11-23 02:36:00'],
    ['%a %A %b %B %y', 'Mon Monday Nov November 26'],
    ['%I %p %j %e %%', '02 AM 327 23 %'],
    ['%Q', '%Q'],
  ];
  for (const [format, expected] of cases) assert.equal(strftime(format, WALL), expected, format);
});
