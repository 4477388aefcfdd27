import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { effectiveSettings } from '../src/config/effective.js';
import { LocalConfiguration } from '../src/config/local.js';
import { parseYaml } from '../src/config/yaml.js';
import { agentEnvironment, manifests, podTemplate, repository } from './support/manifests.js';

const ENTRY_POINT = join(repository, 'deploy/docker/entrypoint.sh');

interface Started {
  readonly code: number | null;
  readonly stderr: string;
  /** What was started, with its arguments. */
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs the entry point with programs that only tell how they were started. */
function runEntryPoint(t: TestContext, environment: Readonly<Record<string, string>>, args: readonly string[]): Started {
  const home = mkdtempSync(join(tmpdir(), 'entrypoint-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  for (const name of ['patroni', 'etcd', 'haproxy']) {
    const file = join(home, name);
    writeFileSync(file, `#!/bin/sh\necho "${name} $*" > "$HOME/command"\nenv -0 > "$HOME/environment"\n`);
    chmodSync(file, 0o755);
  }
  const env = { PATH: `${home}:${process.env['PATH']}`, HOME: home, ...environment };
  const { status, stderr } = spawnSync('sh', [ENTRY_POINT, ...args], { env, encoding: 'utf8' });
  const read = (name: string): string => (existsSync(join(home, name)) ? readFileSync(join(home, name), 'utf8') : '');
  const variables = read('environment')
    .split('\0')
    .filter((line) => line.includes('='))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return { code: status, stderr, command: read('command').trim(), environment: Object.fromEntries(variables) };
}

/** What the agent makes of the file and the environment that the entry point gives it. */
function settingsOf({ command, environment }: Started): ReturnType<typeof effectiveSettings> {
  const path = /^patroni (\S+\/patroni\.yml)$/.exec(command)?.[1];
  assert.ok(path !== undefined, command);
  return effectiveSettings(LocalConfiguration.load({ path, environment: { ...environment } }).raw, {});
}

test("the entry point in the manifests' environment gives the agent a complete configuration", (t) => {
  const fields = { PATRONI_NAME: 'patronidemo-1', PATRONI_KUBERNETES_NAMESPACE: 'ns', PATRONI_KUBERNETES_POD_IP: 'fd00::7' };
  const started = runEntryPoint(t, agentEnvironment(podTemplate(manifests('patroni.yaml')), fields), []);
  assert.equal(started.code, 0, started.stderr);
  const { settings, warnings } = settingsOf(started);
  assert.deepEqual(warnings, []);
  assert.deepEqual([settings.name, settings.scope, settings.dcs.kind], ['patronidemo-1', 'patronidemo', 'kubernetes']);
  const { labels, namespace, use_endpoints: useEndpoints, ports, pod_ip: podIp } = settings.dcs.section;
  assert.deepEqual(
    [labels, namespace, useEndpoints, ports, podIp],
    [{ application: 'patroni' }, 'ns', true, [{ name: 'postgresql', port: 5432 }], 'fd00::7'],
  );
  assert.deepEqual([settings.postgresql.connectAddress, settings.restapi.connectAddress], ['[fd00::7]:5432', '[fd00::7]:8008']);
  assert.deepEqual(settings.postgresql.superuser, { username: 'postgres', password: 'secret' });
  assert.ok(settings.bootstrap?.pgHba.includes('host replication standby all scram-sha-256'));
});

test("the entry point in compose's environment; other programs; a file of one's own; what is missing", (t) => {
  const compose = composeFile();
  for (const [name, { environment = {}, command = [] }] of Object.entries(compose.services)) {
    const started = runEntryPoint(t, { ...environment, PATRONI_NAME: name }, command);
    assert.equal(started.code, 0, started.stderr);
    if (command.length > 0) assert.match(started.command, new RegExp(`^${command[0]} `));
    else {
      const { settings } = settingsOf(started);
      assert.deepEqual([settings.name, settings.dcs.kind, settings.dcs.section['hosts']], [name, 'etcd3', ['etcd:2379']]);
    }
  }
  assert.equal(runEntryPoint(t, { PATRONI_CONFIG_FILE: '/etc/p.yml' }, []).command, 'patroni /etc/p.yml');
  const missing = runEntryPoint(t, {}, ['patroni']);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /PATRONI_SCOPE: the name of the cluster/);
});

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: { readonly context: string; readonly dockerfile: string };
        readonly environment?: Readonly<Record<string, string>>;
        readonly command?: readonly string[];
        readonly depends_on?: readonly string[];
      }
    >
  >;
}

function composeFile(): Compose {
  return parseYaml(readFileSync(join(repository, 'deploy/docker/compose.yaml'), 'utf8')) as Compose;
}

test('what compose and haproxy.cfg name exists', () => {
  const { services } = composeFile();
  const names = Object.keys(services);
  assert.deepEqual(names, ['etcd', 'patroni1', 'patroni2', 'patroni3', 'haproxy']);
  for (const { build, depends_on: needed = [] } of Object.values(services)) {
    if (build !== undefined) assert.ok(existsSync(join(repository, 'deploy/docker', build.context, build.dockerfile)));
    for (const name of needed) assert.ok(names.includes(name), name);
  }
  const haproxy = readFileSync(join(repository, 'deploy/docker/haproxy.cfg'), 'utf8');
  const servers = [...haproxy.matchAll(/server (\S+) (\S+):5432 .* check port 8008$/gm)].map(([, label, host]) => [label, host]);
  assert.equal(servers.length, 6);
  for (const [label, host] of servers) assert.ok(label === host && names.includes(host ?? ''), host);
});

test('each instruction of the Dockerfile is one, and what it copies is there', () => {
  const text = readFileSync(join(repository, 'deploy/docker/Dockerfile'), 'utf8');
  const sent = readFileSync(join(repository, 'deploy/docker/Dockerfile.dockerignore'), 'utf8').match(/(?<=^!).+/gm) ?? [];
  const lines = text.replaceAll('\\\n', ' ').split('\n');
  const stages = new Set<string>();
  for (const line of lines.map((each) => each.trim()).filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, instruction, rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    assert.ok(/^(FROM|WORKDIR|COPY|RUN|ARG|ENV|USER|EXPOSE|ENTRYPOINT)$/.test(instruction ?? ''), line);
    if (instruction === 'FROM') stages.add(/ AS (\S+)$/.exec(rest)?.[1] ?? '');
    if (instruction === 'RUN') execFileSync('sh', ['-n', '-c', rest]);
    if (instruction !== 'COPY') continue;
    const words = rest.split(' ');
    const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
    if (from !== undefined) assert.ok(stages.has(from), line);
    for (const source of from === undefined ? words.slice(0, -1) : []) {
      assert.ok(existsSync(join(repository, source)), source);
      assert.ok(
        sent.some((path) => source === path || source.startsWith(`${path}/`)),
        `${source} is left out by Dockerfile.dockerignore`,
      );
    }
  }
  assert.match(text, /^USER \d+$/m, 'Kubernetes takes only numbers for "not root"');
});
