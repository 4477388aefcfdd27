import { readFileSync } from 'node:fs';
import http from 'node:http';

/** What the store has done since its start, and what it holds now. */
export interface StoreFigures {
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly watchStreams: number;
  readonly residentMb: number;
  readonly commits: number;
}

/** Clock ticks of a second in /proc: the same on every Linux. */
const TICKS = 100;

/** Reads etcd's own counters, and the kernel's of its process. */
export async function storeFigures(url: string, pid: number): Promise<StoreFigures> {
  const metrics = await get(`${url}/metrics`);
  const sum = (name: string): number =>
    [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((total, [, value]) => total + Number(value), 0);
  return {
    atMs: performance.now(),
    ...processFigures(pid),
    // The gateway speaks to its own server: each request from outside is one of these.
    requests: sum('grpc_server_started_total'),
    bytes: sum('etcd_network_client_grpc_received_bytes_total') + sum('etcd_network_client_grpc_sent_bytes_total'),
    watchStreams: sum('etcd_debugging_mvcc_watch_stream_total'),
    commits: sum('etcd_server_proposals_committed_total'),
  };
}

function processFigures(pid: number): { readonly cpuSeconds: number; readonly residentMb: number } {
  // The name of the program, which may hold anything, ends with the last bracket.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS, residentMb: Number(resident) / 1024 };
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { timeout: 10_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve(text));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
  });
}
