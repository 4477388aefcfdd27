import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../test/support/silent-log.js';
import { milliseconds } from './base/duration.js';
import { ConfigError } from './config/errors.js';
import { nodeClock } from './platform/node-clock.js';
import { nodeRandom } from './platform/node-random.js';
import type { DcsSettings } from './ports/settings.js';
import { loadStore } from './stores.js';

const timings = { ttlMs: milliseconds(30_000), loopWaitMs: milliseconds(10_000), retryTimeoutMs: milliseconds(10_000) };

async function refusal(kind: DcsSettings['kind'], section: Readonly<Record<string, unknown>>): Promise<string> {
  const parts = { timings, clock: nodeClock, random: nodeRandom, log: silentLog };
  return loadStore({ dcs: { kind, section }, scope: 'demo', name: 'a', namespace: 'service' }, parts).then(
    () => 'opened',
    (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error));
      return error.message;
    },
  );
}

test('raft is refused with the reason and what to use instead', async () => {
  const message = await refusal('raft', { self_addr: '10.1.0.4:2222' });
  assert.match(message, /^raft: the store inside .* not supported: .*Python only.*deprecated.*Use etcd \(section etcd3\)/);
});

test('a kubernetes section or a kubeconfig that can not be used is refused by its path, value and what is allowed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  const before = process.env['KUBECONFIG'];
  t.after(() => {
    if (before === undefined) delete process.env['KUBECONFIG'];
    else process.env['KUBECONFIG'] = before;
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'config');
  process.env['KUBECONFIG'] = file;
  assert.match(await refusal('kubernetes', {}), /^kubernetes\.labels: must be a map of labels/);
  assert.match(
    await refusal('kubernetes', { labels: {}, ports: [{ port: 'x' }] }),
    /^kubernetes\.ports\.0\.port: 'x' must be a port number/,
  );
  assert.match(
    await refusal('kubernetes', { labels: {} }),
    /^kubernetes: neither a pod's service account nor a kubeconfig: .*config can't be read/,
  );
  writeFileSync(
    file,
    'contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]\n',
  );
  assert.match(await refusal('kubernetes', { labels: {} }), /^kubernetes\.context: 'kind-kind' is not in .*; there are: x$/);
  assert.equal(await refusal('kubernetes', { labels: {}, context: 'x' }), 'opened');
  assert.match(
    await refusal('kubernetes', { labels: {}, context: 'x', cacert: join(folder, 'none') }),
    /^kubernetes\.cacert: .*none' can't be read/,
  );
});
