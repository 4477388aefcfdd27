import { FAILURES } from './failures.js';
import type { Fault } from './fault.js';
import { OPERATIONS } from './operations.js';

export const FAULTS: readonly Fault[] = [...FAILURES, ...OPERATIONS];
