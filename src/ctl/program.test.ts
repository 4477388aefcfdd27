import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCtl, TWO_MEMBERS } from '../../test/support/ctl-world.js';

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
