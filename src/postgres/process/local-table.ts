import type { ProcessTable } from './process-table.js';
import { Procfs } from './procfs.js';
import { PsTable } from './ps-table.js';

/** The processes of this machine, in the way that its system tells them. */
export function localProcessTable(): ProcessTable {
  return process.platform === 'linux' ? new Procfs() : new PsTable();
}
