import { LOCK_MUTATIONS } from './lock.js';
import type { Mutation } from './mutation.js';
import { SERVER_MUTATIONS } from './server.js';
import { SYNCHRONOUS_MUTATIONS } from './synchronous.js';

export const MUTATIONS: readonly Mutation[] = [...LOCK_MUTATIONS, ...SERVER_MUTATIONS, ...SYNCHRONOUS_MUTATIONS];

/** @throws when there is none of that name. */
export function mutationNamed(name: string): Mutation {
  const mutation = MUTATIONS.find((candidate) => candidate.name === name);
  if (mutation === undefined) throw new Error(`no mutation is called ${name}; there are ${MUTATIONS.map((m) => m.name).join(', ')}`);
  return mutation;
}
