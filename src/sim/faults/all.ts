import { FAILURES } from './failures.js';
import type { Fault } from './fault.js';
import { MACHINES } from './machines.js';
import { OPERATIONS } from './operations.js';

export const FAULTS: readonly Fault[] = [...FAILURES, ...MACHINES, ...OPERATIONS];
