import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Which implementation runs the member. */
export type AgentKind = 'ours' | 'python';

/** How a program is started: its first arguments, and what its environment has beside the test's. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const DEBIANS = { patroni: '/usr/bin/patroni', patronictl: '/usr/bin/patronictl' };
const PYTHON_ARGS = { patroni: ['-m', 'patroni'], patronictl: ['-c', 'from patroni.ctl import ctl; ctl()'] };

/** Where the modules of the present Python Patroni lie; empty: Debian's own, older one is used. */
const peer = process.env['PEER_PATRONI'] ?? '';

/** Whether there is any Python Patroni to make mixed clusters with. */
export const hasPython = peer !== '' || existsSync(DEBIANS.patroni);

/** The agent or the control program of an implementation; ours out of `checkout`. */
export function program(kind: AgentKind, name: 'patroni' | 'patronictl', checkout: string): Program {
  if (kind === 'ours') return { command: process.execPath, args: [join(checkout, 'bin', name)], env: {} };
  if (peer === '') return { command: DEBIANS[name], args: [], env: {} };
  return {
    command: '/usr/bin/python3',
    args: PYTHON_ARGS[name],
    env: { PYTHONPATH: peer, PYTHONDONTWRITEBYTECODE: '1' },
  };
}
