import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { kubeClient, LABELS, TIMINGS } from '../../../test/support/kube-client.js';
import { type KubeProxy, startKubeProxy } from '../../../test/support/kube-proxy.js';
import { describeWithKube, type KubeServer, startKube } from '../../../test/support/kube-server.js';
import { startTcpProxy } from '../../../test/support/tcp-proxy.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';

const call = { timeoutMs: milliseconds(3000) };
const brief = { timeoutMs: milliseconds(1000) };
const START_LIMIT_MS = 15_000;
const CONFIGMAPS = '/api/v1/namespaces/default/configmaps';

async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !(await condition()); await nodeClock.sleep(50))
    assert.ok(Date.now() < end, `${what}: not within ${ms} ms`);
}

/** What the call gave; an answer that is missing must say so. */
async function answerOf<T>(operation: Promise<T>): Promise<T | 'unknown'> {
  return operation.catch((error: unknown) => {
    assert.ok(error instanceof DcsUnavailable, String(error));
    return 'unknown' as const;
  });
}

/** A log that keeps its warnings. */
function keepingLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const nothing = (): void => undefined;
  const log: Log = {
    debug: nothing,
    info: nothing,
    warning: (line) => lines.push(line),
    error: nothing,
    critical: nothing,
    named: () => log,
  };
  return { log, lines };
}

describeWithKube('kubernetes: failures', () => {
  let server: KubeServer;
  let scopes = 0;
  before(async () => {
    server = await startKube();
  });
  after(() => server.stop());

  const newScope = (): string => {
    scopes += 1;
    return `failures${scopes}`;
  };
  const open = async (t: TestContext, name: string, scope: string, more: Partial<Parameters<typeof kubeClient>[1]> = {}): Promise<Dcs> => {
    const dcs = kubeClient(server, { name, scope, ...more });
    t.after(() => dcs.close());
    const late = new AbortController();
    const cancel = nodeClock.after(START_LIMIT_MS, () => late.abort());
    await dcs.start(late.signal);
    cancel();
    assert.ok(!late.signal.aborted, `${name} not started within ${START_LIMIT_MS} ms`);
    return dcs;
  };
  const proxied = async (t: TestContext): Promise<KubeProxy> => {
    const proxy = await startKubeProxy(server.port);
    t.after(() => proxy.close());
    return proxy;
  };
  const annotate = (object: string, annotations: Readonly<Record<string, string | null>>): Promise<unknown> =>
    server.apply('PATCH', `${CONFIGMAPS}/${object}`, { metadata: { annotations } });
  const annotationsOf = async (object: string): Promise<Record<string, string>> =>
    ((await server.apply('GET', `${CONFIGMAPS}/${object}`))['metadata'] as { annotations: Record<string, string> }).annotations;

  test('half-open and reset connections: calls end in their budget, the silent watch is given up, nobody is taken for gone', async (t) => {
    const scope = newScope();
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const a = await open(t, 'a', scope);
    const b = await open(t, 'b', scope, { access: { url: `https://127.0.0.1:${proxy.port}` } });
    const events: string[] = [];
    b.subscribe((event) => events.push(event.kind));
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    await until('the watch is open', () => events.includes('leader-changed'));
    proxy.freezeExisting();
    assert.equal(await a.releaseLeaderLock(undefined, call), true);
    // The watch is silent: only that the leader renews nothing any more gives it away, after loop_wait and retry_timeout.
    await until('the release is read', async () => {
      const started = performance.now();
      const view = await answerOf(b.load(call));
      assert.ok(performance.now() - started < 3500);
      return view !== 'unknown' && view.leader === undefined;
    });
    events.length = 0;
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    await until('the watch is open again', () => events.includes('leader-changed'));
    proxy.freezeExisting();
    assert.equal(await answerOf(b.acquireLeaderLock(brief)), 'unknown');
    assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
    events.length = 0;
    proxy.reset();
    assert.equal((await b.load(call)).leader?.name, 'a');
    await until('it is open once more', () => events.includes('reconnected'));
    assert.equal(await a.releaseLeaderLock(undefined, call), true);
    await until('the release is told', () => events.includes('leader-changed'));
  });

  test('answers later than the budget, or lost on their way: unknown, and what was done is recognised as ours', async (t) => {
    const scope = newScope();
    const proxy = await proxied(t);
    const a = await open(t, 'a', scope, { access: { url: proxy.url } });
    const b = await open(t, 'b', scope);
    const spoil = (method: string, kind: 'lose-answer' | 'delay-answer', times = 1): void => {
      let left = times;
      proxy.treat = ({ name }) => {
        if (!name.startsWith(method) || left === 0) return { kind: 'pass' };
        left -= 1;
        return kind === 'lose-answer' ? { kind } : { kind, ms: 4000 };
      };
    };
    spoil('POST', 'lose-answer');
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    assert.equal((await annotationsOf(`${scope}-leader`))['transitions'], '0');
    spoil('PATCH', 'lose-answer');
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
    spoil('PATCH', 'delay-answer', 9);
    const started = performance.now();
    assert.equal(await answerOf(a.renewLeaderLock(undefined, brief)), 'unknown');
    assert.equal(await answerOf(a.writeStatus('{"optime":1}', brief)), 'unknown');
    assert.ok(performance.now() - started < 3000);
    proxy.treat = () => ({ kind: 'pass' });
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
    assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
    spoil('POST', 'lose-answer');
    const version = await a.writeSync('{"leader":"a","sync_standby":"b","quorum":0}', undefined, call);
    assert.ok(version !== undefined);
    spoil('PATCH', 'lose-answer');
    const next = await a.writeSync('{"leader":"a","sync_standby":null,"quorum":0}', version, call);
    assert.ok(next !== undefined && next !== version);
    assert.equal((await b.load(call)).sync.version, next);
    spoil('POST', 'lose-answer');
    assert.equal(await answerOf(a.writeInitialize('', 'create', call)), 'unknown');
  });

  test("the leader's annotations are taken by somebody else, or removed, while its agent is alive", async (t) => {
    const scope = newScope();
    const [a, b] = [await open(t, 'a', scope), await open(t, 'b', scope)];
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    await annotate(`${scope}-leader`, { leader: 'x', renewTime: 'now' });
    assert.equal(await a.renewLeaderLock(undefined, call), 'lost');
    assert.equal(await a.acquireLeaderLock(call), 'held-by-other');
    assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
    await annotate(`${scope}-leader`, { leader: null });
    assert.equal(await a.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'lost');
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
    await server.apply('DELETE', `${CONFIGMAPS}/${scope}-leader`);
    assert.equal(await a.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'lost');
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
    assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
  });

  test('a primary whose lock was taken loses its label with its next word', async (t) => {
    const scope = newScope();
    await server.createPod('labelled', { ...LABELS, 'cluster-name': scope });
    const a = await open(t, 'labelled', scope);
    const roleOf = async (): Promise<string | undefined> => {
      const pod = await server.apply('GET', '/api/v1/namespaces/default/pods/labelled');
      return (pod['metadata'] as { labels: Record<string, string> }).labels['role'];
    };
    const touch = (role: string): Promise<boolean> => a.touchMember(`{"state":"running","role":"${role}"}`, undefined, call);
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    assert.equal(await touch('primary'), true);
    assert.equal(await roleOf(), 'primary');
    await annotate(`${scope}-leader`, { leader: 'x', renewTime: 'now' });
    assert.equal(await a.renewLeaderLock(undefined, call), 'lost');
    assert.equal(await touch('primary'), true);
    assert.equal(await roleOf(), undefined);
    assert.equal(await touch('replica'), true);
    assert.equal(await roleOf(), 'replica');
  });

  test('a changed ttl is in the next renewal, and others count with it', async (t) => {
    const scope = newScope();
    const [a, b] = [await open(t, 'a', scope), await open(t, 'b', scope)];
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    assert.equal((await annotationsOf(`${scope}-leader`))['ttl'], '20');
    await a.configure({ ...TIMINGS, ttlMs: milliseconds(1500) }, {});
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
    assert.equal((await annotationsOf(`${scope}-leader`))['ttl'], '2');
    assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
    await until('it has ended', async () => (await b.load(call)).leader === undefined, 4000);
    assert.equal(await b.acquireLeaderLock(call), 'acquired');
    assert.equal((await annotationsOf(`${scope}-leader`))['transitions'], '1');
    assert.equal(await a.renewLeaderLock(undefined, call), 'lost');
  });

  test('values beyond 256 KB are refused with a clear warning, and nothing else suffers', async (t) => {
    const scope = newScope();
    const { log, lines } = keepingLog();
    const a = await open(t, 'a', scope, { log });
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    assert.equal(await a.writeHistory(`[[1,2,"${'x'.repeat(262_144)}"]]`, call), false);
    assert.match(lines.join('\n'), /refused to write history: status 422: .*must have at most 262144 bytes/);
    assert.equal(await a.writeStatus(`{"optime":1,"slots":{"${'x'.repeat(262_144)}":1}}`, call), false);
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
    assert.equal(await a.writeHistory('[[1,2,"x"]]', call), true);
    const large = 'y'.repeat(200_000);
    await annotate(`${scope}-config`, { config: large });
    await until('it is read', async () => (await a.load(call)).config?.isValid === false);
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
  });

  test('garbage in the record of the lock is no failure; answers that are not of Kubernetes are unknown', async (t) => {
    const scope = newScope();
    const proxy = await proxied(t);
    const a = await open(t, 'a', scope, { access: { url: proxy.url } });
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    await annotate(`${scope}-leader`, { ttl: '\u0000{[', transitions: 'é', acquireTime: '', optime: 'x', slots: '{', retain_slots: '{}' });
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
    const { leader, status } = await a.load(call);
    assert.deepEqual([leader?.name, status.lastLsn, status.slots], ['a', 0n, undefined]);
    assert.equal((await annotationsOf(`${scope}-leader`))['transitions'], '0');
    for (const body of ['<html>proxy error</html>', '{}', '[]', '{"items":3,"metadata":{}}', '{"metadata":{"name":"x"}}']) {
      proxy.treat = () => ({ kind: 'answer', status: 200, body });
      assert.equal(await answerOf(a.renewLeaderLock(undefined, brief)), 'unknown', body);
      assert.equal(await answerOf(a.load(brief)), 'unknown', body);
    }
    proxy.treat = () => ({ kind: 'pass' });
    assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
  });

  test('a watch whose version is gone lists again; codes that are set and Retry-After are repeated', async (t) => {
    const scope = newScope();
    const proxy = await proxied(t);
    let gone = 0;
    proxy.treat = ({ name }) => {
      if (!name.startsWith('WATCH') || gone >= 4) return { kind: 'pass' };
      gone += 1;
      const event = '{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410}}\n';
      return gone % 2 === 0 ? { kind: 'answer', status: 410, body: event } : { kind: 'answer', status: 200, body: event };
    };
    const a = await open(t, 'a', scope, { access: { url: proxy.url }, section: { retriable_http_codes: [418] } });
    const events: string[] = [];
    a.subscribe((event) => events.push(event.kind));
    await until('the watches are open', () => events.filter((kind) => kind === 'reconnected').length >= 2);
    const b = await open(t, 'b', scope);
    assert.equal(await b.acquireLeaderLock(call), 'acquired');
    await until('it is told', () => events.includes('leader-changed'));
    assert.equal(await b.releaseLeaderLock(undefined, call), true);
    const answers = [
      { status: 418, body: '{"message":"later"}' },
      { status: 429, body: '{}', headers: { 'retry-after': '1' } },
    ];
    proxy.treat = ({ name, path }) => {
      const next = name === 'GET configmaps' && path.endsWith('-leader') ? answers.shift() : undefined;
      return next === undefined ? { kind: 'pass' } : { kind: 'answer', ...next };
    };
    const started = performance.now();
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    assert.deepEqual(answers, []);
    assert.ok(performance.now() - started > 1000);
  });

  test('a wrong token: unknown, said without the token; a token file that is replaced is used at once', async (t) => {
    const scope = newScope();
    const folder = mkdtempSync(join(tmpdir(), 'kube-token-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'wrong-secret\n');
    const { log, lines } = keepingLog();
    const dcs = kubeClient(server, { name: 'a', scope, access: { tokenFile }, log });
    t.after(() => dcs.close());
    const isSafe = (error: unknown): boolean =>
      error instanceof DcsUnavailable && /401/.test(error.message) && !/wrong-secret/.test(error.message);
    await assert.rejects(dcs.load(brief), isSafe);
    await assert.rejects(dcs.acquireLeaderLock(brief), isSafe);
    writeFileSync(tokenFile, `${server.adminToken}\n`);
    await dcs.start();
    assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
    writeFileSync(tokenFile, 'wrong-secret\n');
    // Not refused, so not read again before its time.
    assert.equal(await dcs.renewLeaderLock(undefined, call), 'renewed');
    assert.doesNotMatch(lines.join('\n'), /wrong-secret/);
  });

  test('who may only read: writes are refused and say so, the lock is unknown, reads work', async (t) => {
    const scope = newScope();
    const group = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    const rules = [{ apiGroups: [''], resources: ['configmaps', 'pods'], verbs: ['get', 'list', 'watch'] }];
    await server.apply('POST', `${group}/roles`, { metadata: { name: 'reader' }, rules });
    const binding = {
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'User', name: 'stranger', apiGroup: 'rbac.authorization.k8s.io' }],
    };
    await server.apply('POST', `${group}/rolebindings`, binding);
    await server.createPod('reader', { ...LABELS, 'cluster-name': scope });
    const a = await open(t, 'a', scope);
    const { log, lines } = keepingLog();
    const reader = await open(t, 'reader', scope, { access: { token: 'stranger-token' }, log });
    assert.equal(await answerOf(reader.acquireLeaderLock(brief)), 'unknown');
    assert.equal(await a.acquireLeaderLock(call), 'acquired');
    await until('it is read', async () => (await reader.load(call)).leader?.name === 'a');
    assert.equal(await reader.acquireLeaderLock(call), 'held-by-other');
    assert.equal(await reader.renewLeaderLock(undefined, call), 'lost');
    assert.equal(await reader.writeConfig('{}', undefined, call), false);
    assert.equal(await reader.touchMember('{"state":"running","role":"replica"}', undefined, call), false);
    assert.equal(await reader.writeSync('{}', undefined, call), undefined);
    assert.match(lines.join('\n'), /refused to write config: status 403: .*cannot create resource "configmaps"/);
    await annotate(`${scope}-leader`, { leader: 'reader' });
    assert.equal(await answerOf(reader.renewLeaderLock(undefined, brief)), 'unknown');
  });

  test('a member without a pod is told so', async (t) => {
    const { log, lines } = keepingLog();
    const a = await open(t, 'nobody', newScope(), { log });
    assert.equal(await a.touchMember('{"state":"running"}', undefined, call), false);
    assert.match(lines.join('\n'), /no pod nobody in namespace default: the setting "name" must be the pod's name/);
  });
});
