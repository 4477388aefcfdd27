import { CommanderError } from 'commander';
import { parseClusterView, type StoredKey } from '../../src/cluster/view.js';
import type { ClusterStore, CtlContext, QueryResult } from '../../src/ctl/context.js';
import { UnreadableFile, UsageError } from '../../src/ctl/errors.js';
import { createProgram } from '../../src/ctl/program.js';
import { type RestAnswer, RestUnreachable } from '../../src/ctl/rest-client.js';
import { ManualClock } from './manual-clock.js';

export interface CtlWorld {
  readonly keys: Record<string, unknown>;
  /** `POST db1 /restart` → the answer; what is not named is unreachable. */
  readonly answers?: Record<string, RestAnswer>;
  /** Lines that a person types; the input ends after them. */
  readonly input?: readonly string[];
  /** Text of files, and of the editor under `$EDITOR`. */
  readonly files?: Record<string, string>;
  /** Somebody else is faster. */
  readonly losesRace?: boolean;
  /** What the server says to each statement; without it nobody can connect. `false`: it is in another state of recovery. */
  readonly answer?: QueryResult | false;
  readonly scope?: string | undefined;
  /** Standard output is a terminal with colours. */
  readonly hasColours?: boolean;
}

export interface CtlRun {
  /** Standard output with prompts and, after them, what was typed. */
  readonly out: string;
  readonly log: readonly string[];
  readonly requests: readonly string[];
  readonly writes: readonly string[];
  /** Class and message of what ended the command. */
  readonly error: string | undefined;
  /** What a wrong command line shows on standard error. */
  readonly complaint: string | undefined;
}

/** Runs patronictl on a scripted store, REST API and person. Time passes at once. */
export async function runCtl(world: CtlWorld, ...words: readonly string[]): Promise<CtlRun> {
  let out = '';
  const log: string[] = [];
  const requests: string[] = [];
  const writes: string[] = [];
  const input = [...(world.input ?? [])];
  const write = async (what: string): Promise<boolean> => {
    writes.push(what);
    return !world.losesRace;
  };
  const store: ClusterStore = {
    load: async () => parseClusterView(storedKeys(world.keys)),
    writeConfig: (value, version) => write(`config@${version} ${value}`),
    writeFailover: (value, version) => write(`failover@${version} ${value}`),
    deleteCluster: () => write('delete'),
  };
  const clock = new ManualClock();
  const context: CtlContext = {
    clock: Object.assign(clock, { sleep: async () => undefined }),
    random: { next: () => 0 } as CtlContext['random'],
    settings: { scope: 'scope' in world ? world.scope : 'alpha', citusGroup: undefined },
    terminal: {
      isOutputTty: world.hasColours === true,
      hasColours: world.hasColours === true,
      out: (text) => {
        out += text;
      },
      err: (text) => void log.push(text),
      readLine: async (text) => {
        const line = input.shift();
        out += `${text}${line ?? ''}\n`;
        return line;
      },
    },
    rest: {
      request: async (method, apiUrl, path, body) => {
        const call = `${method} ${new URL(apiUrl).hostname} ${path ?? ''}`.trim();
        requests.push(body === undefined ? call : `${call} ${JSON.stringify(body)}`);
        const answer = world.answers?.[call];
        if (answer === undefined) throw new RestUnreachable(`${call}: refused`, false);
        return answer;
      },
    },
    workplace: {
      readFile: async (path) => {
        const text = world.files?.[path];
        if (text === undefined) throw new UnreadableFile(path, 'No such file or directory');
        return text;
      },
      edit: async () => world.files?.['$EDITOR'] ?? '',
      page: async () => undefined,
    },
    log: (level, message) => void log.push(`${level}: ${message}`),
    store: async () => store,
    connect: async () => {
      const { answer } = world;
      if (answer === undefined) return { kind: 'failed', message: 'ERROR, SQLSTATE: refused' };
      return answer === false ? undefined : { run: async () => answer, close: async () => undefined };
    },
  };
  const { program, complaint } = createProgram(
    async () => context,
    (text) => {
      out += text;
    },
  );
  try {
    await program.parseAsync(words, { from: 'user' });
    return { out, log, requests, writes, error: undefined, complaint: undefined };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isUsage = error instanceof CommanderError || error instanceof UsageError;
    return { out, log, requests, writes, error: `${error.name}: ${error.message}`, complaint: isUsage ? complaint(error) : undefined };
  }
}

function storedKeys(keys: Record<string, unknown>): StoredKey[] {
  return Object.entries(keys).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    version: '7',
  }));
}

/** Leader db1, replica db2. */
export const TWO_MEMBERS = {
  initialize: '7301112223334445556',
  leader: 'db1',
  config: { ttl: 30, postgresql: { parameters: { work_mem: '4MB' } } },
  'members/db1': { conn_url: 'postgres://10.0.0.1:5432/postgres', api_url: 'http://db1:8008/patroni', state: 'running', role: 'primary' },
  'members/db2': { conn_url: 'postgres://10.0.0.2:5432/postgres', api_url: 'http://db2:8008/patroni', state: 'running', role: 'replica' },
} as const;
