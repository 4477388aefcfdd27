import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CtlWorld, runCtl, TWO_MEMBERS } from '../../test/support/ctl-world.js';

const ok = (body: string) => ({ status: 200, body });
/** What follows the cluster table. */
const afterTable = (out: string): string => out.slice(out.lastIndexOf('-+\n') + 3);

test('switchover asks leader, candidate, time and consent', async () => {
  const answers = { 'POST db1 /switchover': ok('Successfully switched over to "db2"') };
  const run = await runCtl({ keys: TWO_MEMBERS, answers, input: ['', 'db2', '', 'y'] }, 'switchover');
  assert.match(
    run.out,
    /\nPrimary \[db1\]: \nCandidate \['db2'\] \[\]: db2\nWhen should the switchover take place \(e\.g\. \S+ \) {2}\[now\]: \nAre you sure you want to switchover cluster alpha, demoting current leader db1\? \[y\/N\]: y\n\S+ \S+\.\d{5} Successfully switched over to "db2"\n\+ Cluster/,
  );
  assert.deepEqual(run.requests, ['POST db1 /switchover {"candidate":"db2","leader":"db1"}']);
  assert.equal(run.error, undefined);
});

test('switchover without an answer leaves its request in the store, with the old leader', async () => {
  const run = await runCtl({ keys: TWO_MEMBERS }, 'switchover', '--force');
  assert.match(run.out, /Could not switchover using Patroni api, falling back to DCS\n/);
  assert.deepEqual(run.writes, ['failover@undefined {"leader":"db1"}']);
});

test('failover needs a candidate; a refusal ends with exit 0 and no second table', async () => {
  const none = await runCtl({ keys: TWO_MEMBERS }, 'failover', '--force');
  assert.equal(none.error, 'CtlError: Failover could be performed only to a specific candidate');
  const answers = { 'POST db1 /failover': { status: 412, body: 'no' } };
  const refused = await runCtl({ keys: TWO_MEMBERS, answers }, 'failover', '--force', '--candidate', 'db2');
  assert.equal(afterTable(refused.out), 'Failover failed, details: 412, no\n');
  assert.equal(refused.error, undefined);
});

test('restart, reload and reinit', async () => {
  const answers = {
    'POST db1 /restart': ok(''),
    'POST db2 /restart': { status: 503, body: 'busy' },
    'POST db2 /reload': { status: 202, body: '' },
    'POST db2 /reinitialize': ok(''),
    'GET db2 /patroni': ok('{"state": "running"}'),
  };
  const keys = TWO_MEMBERS;
  const restart = await runCtl({ keys, answers, input: ['', 'y', ''] }, 'restart', 'alpha');
  assert.match(
    afterTable(restart.out),
    /^When should the restart take place \(e\.g\. \S+\) {2}\[now\]: \nAre you sure you want to restart members db1, db2\? \[y\/N\]: y\nRestart if the PostgreSQL version is less than provided \(e\.g\. 9\.5\.2\) {2}\[\]: \nSuccess: restart on member db1\nFailed: restart for member db2, status code=503, \(busy\)\n$/,
  );
  const reload = await runCtl({ keys, answers, input: ['y'] }, 'reload', 'alpha', 'db2');
  assert.equal(
    afterTable(reload.out),
    'Are you sure you want to reload members db2? [y/N]: y\nReload request received for member db2 and will be processed within 10 seconds\n',
  );
  const reinit = await runCtl({ keys, answers, input: ['db2', 'y'] }, 'reinit', 'alpha', '--wait');
  assert.equal(
    afterTable(reinit.out),
    'Which member do you want to reinitialize [db2]? []: db2\nAre you sure you want to reinitialize members db2? [y/N]: y\nSuccess: reinitialize for member db2\nWaiting for reinitialize to complete on: db2\nReinitialize is completed on: db2\n',
  );
  assert.equal((await runCtl({ keys }, 'restart', 'alpha', 'db9')).error, "CtlError: No 'any' among provided members");
  assert.equal((await runCtl({ keys, input: [] }, 'reload', 'alpha')).error?.split(':')[0], 'Aborted');
});

test('pause asks the next member when the leader does not answer', async () => {
  const run = await runCtl({ keys: TWO_MEMBERS, answers: { 'PATCH db2 /config': ok('') } }, 'pause');
  assert.equal(run.out, 'Success: cluster management is paused\n');
  assert.deepEqual(run.requests, ['PATCH db1 /config {"pause":true}', 'PATCH db2 /config {"pause":true}']);
  assert.equal((await runCtl({ keys: TWO_MEMBERS }, 'resume')).error, 'CtlError: Cluster is not paused');
});

test('flush switchover empties the key only when nobody answers', async () => {
  const keys = { ...TWO_MEMBERS, failover: { leader: 'db1', scheduled_at: '2031-05-01T02:00:00+00:00' } };
  const asked = await runCtl({ keys, answers: { 'DELETE db1 /switchover': ok('') } }, 'flush', 'alpha', 'switchover');
  assert.equal(asked.out, 'Success: scheduled switchover deleted\n');
  const silent = await runCtl({ keys }, 'flush', 'alpha', 'switchover');
  assert.deepEqual([asked.writes, silent.writes], [[], ['failover@7 {}']]);
  const wrong = await runCtl({ keys }, 'flush', 'alpha', 'x');
  assert.equal(wrong.error, "UsageError: Invalid value for '{restart|switchover}': 'x' is not one of 'restart', 'switchover'.");
});

test('remove wants the name, the sentence and the leader', async () => {
  const answers = ['alpha', 'Yes I am aware', 'db1'];
  assert.deepEqual((await runCtl({ keys: TWO_MEMBERS, input: answers }, 'remove', 'alpha')).writes, ['delete']);
  const wrong = await runCtl({ keys: TWO_MEMBERS, input: ['alpha', 'Yes I am aware', 'db2'] }, 'remove', 'alpha');
  assert.equal(wrong.error, 'CtlError: You did not specify the current leader of the cluster');
  assert.deepEqual(wrong.writes, []);
});

test('demote-cluster refuses an address that nobody could follow', async () => {
  const run = await runCtl({ keys: TWO_MEMBERS }, 'demote-cluster', '--host', 'user:secret@h', '--force');
  assert.match(run.error ?? '', /^CtlError: standby_cluster.host takes host names only/);
  assert.doesNotMatch(run.error ?? '', /secret/);
  assert.deepEqual(run.requests, []);
});

test('demote-cluster tells a refusal with its doubled prefix', async () => {
  const answers = { 'PATCH db1 /config': { status: 409, body: 'no' } };
  const run = await runCtl({ keys: TWO_MEMBERS, answers }, 'demote-cluster', '--host', 'h', '--port', '5433', '--force');
  assert.deepEqual(run.requests, ['PATCH db1 /config {"standby_cluster":{"host":"h","port":5433}}']);
  const failed = 'Failed to demote alpha cluster: ';
  assert.equal(run.error, `CtlError: ${failed}${failed}/config PATCH status code=409, (no)`);
});

/** patronictl.md §9: exit code 2, with these words on standard error. */
const WRONG: readonly (readonly [words: string, complaint: string])[] = [
  ['frob', "No such command 'frob'."],
  ['-x', 'No such option: -x'],
  ['list --foo', 'No such option: --foo'],
  ['list --format x', "Invalid value for '--format' / '-f': 'x' is not one of 'pretty', 'tsv', 'json', 'yaml', 'yml'."],
  ['list -w x', "Invalid value for '-w' / '--watch': 'x' is not a valid float."],
  ['list --group x', "Invalid value for '--group': 'x' is not a valid integer."],
  [
    'restart alpha -r x',
    "Invalid value for '--role' / '-r': 'x' is not one of 'leader', 'primary', 'standby-leader', 'replica', 'standby', 'any'.",
  ],
  ['restart', "Missing argument 'CLUSTER_NAME'."],
  ['remove', "Missing argument 'CLUSTER_NAME'."],
  ['flush alpha', "Missing argument '{restart|switchover}'. Choose from:\n\trestart,\n\tswitchover"],
  ['flush alpha x', "Invalid value for '{restart|switchover}': 'x' is not one of 'restart', 'switchover'."],
  ['dsn a b', 'Got unexpected extra argument (b)'],
  ['show-config a b c', 'Got unexpected extra arguments (b c)'],
  ['demote-cluster --port x', "Invalid value for '--port': 'x' is not a valid integer."],
  ['query -f /none', "Invalid value for '--file' / '-f': '/none': No such file or directory"],
  ['query -c x -f /none', "Invalid value for '--file' / '-f': '/none': No such file or directory"],
];

for (const [words, complaint] of WRONG) {
  test(`usage: ${words}`, async () => {
    const run = await runCtl({ keys: TWO_MEMBERS }, ...words.split(' '));
    const name = /^(?:frob|-x)/.test(words) ? 'patronictl' : `patronictl ${words.split(' ')[0]}`;
    const [usage, hint, blank, ...rest] = (run.complaint ?? '').split('\n');
    assert.ok(usage?.startsWith(`Usage: ${name} [OPTIONS]`), usage);
    assert.deepEqual([hint, blank], [`Try '${name} --help' for help.`, '']);
    assert.equal(rest.join('\n'), `Error: ${complaint}\n`);
    assert.deepEqual([run.out, run.requests, run.writes], ['', [], []]);
  });
}

test('help needs no store, names all commands, and is no complaint', async () => {
  const help = await runCtl({ keys: {} }, '--help');
  assert.match(help.out, /^Usage: patronictl \[OPTIONS\] COMMAND \[ARGS\]\.\.\.\n/);
  const commands = [...help.out.slice(help.out.indexOf('Commands:')).matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name ?? '');
  assert.deepEqual(
    commands,
    'demote-cluster dsn edit-config failover flush history list pause promote-cluster query reinit reload remove restart resume show-config switchover topology version'.split(
      ' ',
    ),
  );
  for (const command of commands) {
    const run = await runCtl({ keys: {} }, command, '--help');
    assert.ok(run.out.startsWith(`Usage: patronictl ${command} [OPTIONS]`), run.out);
    assert.equal(run.complaint, undefined);
  }
  assert.equal((await runCtl({ keys: {} })).out, help.out);
});

const rest = (status: number, body: string) => ({ status, body });
const NO_LEADER = { ...TWO_MEMBERS, leader: '' };
const PAUSED = { ...TWO_MEMBERS, config: { pause: true } };
const SCHEDULED = { ...TWO_MEMBERS, failover: { leader: 'db1', scheduled_at: '2031-05-01T02:00:00+00:00' } };
const NOFAILOVER = { ...TWO_MEMBERS, 'members/db2': { ...TWO_MEMBERS['members/db2'], tags: { nofailover: true } } };

/** patronictl.md §7: what ends a command with exit code 1. */
const ERRORS: readonly (readonly [words: string, error: string, world?: Partial<CtlWorld>])[] = [
  ['dsn -m db1 -r any', '--role and --member are mutually exclusive options'],
  ['dsn -m db9', 'Can not find a suitable member'],
  ['query', 'You need to specify either --command or --file'],
  ['query -c x -f y', '--file and --command are mutually exclusive options', { files: { y: '' } }],
  ['query -c x -r any -m db1', '--role and --member are mutually exclusive options'],
  ['restart none', "none cluster doesn't have any members", { keys: {} }],
  ['reload alpha db9 -r replica', "No 'replica' among provided members"],
  ['reinit alpha db1', 'No replica among provided members'],
  ['reinit alpha', ' is not a member of cluster', { input: [''] }],
  ['reinit alpha db2', 'Aborted reinitialize', { input: ['n'] }],
  ['reload alpha', 'Aborted reload', { input: [''] }],
  ['flush alpha restart', 'Aborted flush', { input: [''] }],
  ['restart alpha', 'Aborted restart', { input: ['', 'n'] }],
  ['restart alpha', 'Aborted scheduled restart', { input: ['2031-01-01T00:00Z', 'n'] }],
  ['restart alpha --scheduled soon', 'Unable to parse scheduled timestamp (soon). It should be in an unambiguous format (e.g. ISO 8601)'],
  ['restart alpha --force --pg-version x', 'Invalid PostgreSQL version: x'],
  ['restart alpha --force --pg-version 9.6', 'Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9.6'],
  ['restart alpha --force --scheduled 2031-01-01T00:00Z', "Can't schedule restart in the paused state", { keys: PAUSED }],
  ['switchover --force', 'This cluster has no leader', { keys: NO_LEADER }],
  ['switchover --force --leader db2', 'Member db2 is not the leader of cluster alpha'],
  ['switchover --force', 'No candidates found to switchover to', { keys: NOFAILOVER }],
  ['failover --force --candidate db2', 'No candidates found to failover to', { keys: NOFAILOVER }],
  ['switchover --force --candidate db1', 'Member db1 is already the leader of cluster alpha'],
  ['switchover --force --candidate db9', 'Member db9 does not exist in cluster alpha or is tagged as nofailover'],
  ['switchover --force --scheduled 2031-01-01T00:00Z', "Can't schedule switchover in the paused state", { keys: PAUSED }],
  ['switchover', 'Aborting switchover', { input: ['', '', '', 'n'] }],
  ['switchover', 'Aborting scheduled switchover', { input: ['', '', '2031-01-01T00:00Z', 'n'] }],
  ['failover', 'Failover could be performed only to a specific candidate', { input: [''] }],
  ['failover', 'Aborting failover', { input: ['db2', 'n'] }],
  [
    'failover --candidate db2',
    'Aborting failover',
    { keys: { ...TWO_MEMBERS, config: { synchronous_mode: true }, sync: { leader: 'db1', sync_standby: 'db3' } }, input: ['n'] },
  ],
  ['edit-config --apply /none', 'Can not read /none: No such file or directory'],
  ['edit-config --replace /none --force', 'Can not read /none: No such file or directory'],
  ['pause', 'Cluster is already paused', { keys: PAUSED }],
  ['pause', 'Can not find accessible cluster member'],
  ['remove alpha', 'Cluster names specified do not match', { input: ['beta'] }],
  ['remove alpha', 'You did not exactly type "Yes I am aware"', { input: ['alpha', 'yes'] }],
  ['demote-cluster', 'At least --host, --port or --restore-command should be specified'],
  ['demote-cluster --port 5432', 'Cluster has no leader, demotion is not possible', { keys: NO_LEADER }],
  ['promote-cluster', 'Cluster has no leader, promotion is not possible', { keys: NO_LEADER }],
  ['promote-cluster', 'Cluster is already in the required state'],
  ['demote-cluster --port 5432', 'Aborted cluster demotion', { input: ['n'] }],
];

for (const [words, error, world] of ERRORS) {
  test(`error: ${words}: ${error}`, async () => {
    const run = await runCtl({ keys: TWO_MEMBERS, ...world }, ...words.split(' '));
    assert.equal(run.error, `CtlError: ${error}`);
    assert.deepEqual(run.writes, []);
  });
}

/** patronictl.md §7: the words of what went well, or did not and still ends with exit code 0. */
const WORDS: readonly (readonly [words: string, last: string, world?: Partial<CtlWorld>])[] = [
  ['dsn', 'host=10.0.0.1 port=5432'],
  ['dsn -r replica', 'host=10.0.0.2 port=5432'],
  ['pause', 'Failed: pause cluster management status code=409, (no)', { answers: { 'PATCH db1 /config': rest(409, 'no') } }],
  ['resume', 'Success: cluster management is resumed', { keys: PAUSED, answers: { 'PATCH db1 /config': rest(200, '') } }],
  ['reload alpha db1 --force', 'No changes to apply on member db1', { answers: { 'POST db1 /reload': rest(200, '') } }],
  [
    'reload alpha db1 --force',
    'Failed: reload for member db1, status code=401, (no auth header received)',
    { answers: { 'POST db1 /reload': rest(401, 'no auth header received') } },
  ],
  [
    'restart alpha db1 --force --scheduled 2031-01-01T00:00Z',
    'Success: restart scheduled on member db1',
    { answers: { 'POST db1 /restart': rest(202, '') } },
  ],
  [
    'restart alpha db1 --force --scheduled 2031-01-01T00:00Z',
    'Failed: another restart is already scheduled on member db1',
    { answers: { 'POST db1 /restart': rest(409, '') } },
  ],
  [
    'reinit alpha db2 --force',
    'Failed: reinitialize for member db2, status code=503, (restart already in progress)',
    { answers: { 'POST db2 /reinitialize': rest(503, 'restart already in progress') } },
  ],
  ['flush alpha restart --force', 'No scheduled restart for member db2'],
  ['flush alpha switchover', 'No pending scheduled switchover'],
  [
    'flush alpha switchover',
    'Failed: no switchover is scheduled',
    { keys: SCHEDULED, answers: { 'DELETE db1 /switchover': rest(404, '') } },
  ],
  [
    'failover --force --candidate db2',
    'Failover result unknown, details: 503, Failover status unknown after 20 seconds',
    { answers: { 'POST db1 /failover': rest(503, 'Failover status unknown after 20 seconds') } },
  ],
  ['version alpha db9', ''],
  ['version alpha', 'db2: failed to get version: GET db2: refused'],
  [
    'version alpha db1',
    'db1: Patroni 4.1.4 PostgreSQL 9.6.24',
    { answers: { 'GET db1': rest(200, '{"patroni": {"version": "4.1.4"}, "server_version": 90624}') } },
  ],
  ['query -c x', 'ERROR, SQLSTATE: refused'],
  ['query -c x -m db9', 'No connection to member db9 is available'],
  ['query -c x -r standby-leader', "No connection to role 'standby-leader' is available", { answer: false }],
  ['query -c x --format json', '[{}]'],
];

for (const [words, last, world] of WORDS) {
  test(`words: ${words}: ${last}`, async () => {
    const run = await runCtl({ keys: TWO_MEMBERS, ...world }, ...words.split(' '));
    assert.equal(run.error, undefined);
    const line = run.out.trimEnd().split('\n').at(-1) ?? '';
    assert.equal(words.startsWith('query') ? (line.split('\t').at(-1) ?? '') : line, last === '' ? 'patronictl version 4.1.4' : last);
  });
}

test('query: rows in every format', async () => {
  const answer = {
    kind: 'rows',
    columns: ['a', 'b'],
    rows: [
      [1, null],
      [true, 'x'],
    ],
  } as const;
  const run = async (...words: string[]): Promise<string> =>
    (await runCtl({ keys: TWO_MEMBERS, answer }, 'query', '-c', 'x', ...words)).out;
  assert.equal(await run(), 'a\tb\n1\tNone\nTrue\tx\n');
  assert.equal(await run('--delimiter', ';'), 'a;b\n1;None\nTrue;x\n');
  assert.equal(await run('--format', 'json'), '[{"a": 1, "b": null}, {"a": true, "b": "x"}]\n');
  assert.equal(await run('--format', 'yaml'), '- a: 1\n  b: null\n- a: true\n  b: x\n\n');
  assert.equal(
    await run('--format', 'pretty'),
    '+------+------+\n| a    | b    |\n+------+------+\n| 1    | None |\n| True | x    |\n+------+------+\n',
  );
  assert.equal(await run('--format', 'other'), '');
});

test('a list of nothing is a warning, of an unknown cluster an empty table', async () => {
  const none = await runCtl({ keys: {}, scope: undefined }, 'list');
  assert.deepEqual([none.out, none.log], ['', ['warning: Listing members: No cluster names were provided']]);
  const unknown = await runCtl({ keys: {} }, 'list', 'gamma');
  assert.match(unknown.out, /^\+ Cluster: gamma \(uninitialized\) -+/);
  assert.equal(unknown.error, undefined);
});

test('colours are for a terminal only', async () => {
  const colour = '\u001b[';
  const list = async (hasColours: boolean): Promise<string> => (await runCtl({ keys: TWO_MEMBERS, hasColours }, 'list')).out;
  assert.equal((await list(false)).includes(colour), false);
  const [top, , , leader] = (await list(true)).split('\n');
  assert.deepEqual([top?.includes(colour), leader?.includes(colour)], [false, true]);
});
