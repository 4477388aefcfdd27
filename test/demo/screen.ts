import type { TestCluster } from '../integration/harness/test-cluster.js';
import type { Writer } from '../integration/harness/writer.js';

const pad = (text: string, width: number): string => text.slice(0, width).padEnd(width);

/** The member table of one moment, from the agents' own answers. */
export async function memberTable(cluster: TestCluster): Promise<string> {
  const rows = await Promise.all(
    cluster.members.map(async (member) => {
      const status = await member.status().catch(() => undefined);
      const role = status === undefined ? '-' : status.role === 'primary' || status.role === 'master' ? 'Leader' : 'Replica';
      const state = status === undefined ? (member.agent.isRunning ? 'starting' : 'gone') : (status.replication_state ?? status.state);
      return `  ${pad(member.name, 13)} ${pad(`127.0.0.1:${member.port}`, 17)} ${pad(role, 9)} ${pad(state, 12)} ${pad(String(status?.timeline ?? ''), 4)} http://127.0.0.1:${member.restPort}/`;
    }),
  );
  return [`  ${pad('Member', 13)} ${pad('PostgreSQL', 17)} ${pad('Role', 9)} ${pad('State', 12)} ${pad('TL', 4)} REST API`, ...rows].join(
    '\n',
  );
}

/** What to try while the demo runs. */
export function hints(cluster: TestCluster, checkout: string): string {
  const config = cluster.members[0]?.configFile ?? '';
  const leader = 'postgresql0';
  return `  psql          PGPASSWORD=zalando psql -h 127.0.0.1 -p ${cluster.haproxy.port} -U postgres postgres
  HAProxy       http://127.0.0.1:${cluster.haproxy.statsPort}/
  REST          curl http://127.0.0.1:${cluster.members[0]?.restPort}/cluster
  patronictl    ${checkout}bin/patronictl -c ${config} list
  try           … switchover, … restart batman ${leader}, … edit-config, … pause
  crash         kill -9 $(head -1 ${cluster.folder}/data/${leader}/postmaster.pid)
  logs          tail -f ${cluster.folder}/${leader}.log`;
}

export function writeLine(writer: Writer): string {
  return `  writes through HAProxy: ${writer.count} rows acknowledged, longest gap so far ${(writer.longestGapMs / 1000).toFixed(2)} s`;
}
