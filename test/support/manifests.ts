import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml } from '../../src/config/yaml.js';

/** The root of the repository, from `build/test/support`. */
export const repository = join(import.meta.dirname, '../../..');

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [part: string]: unknown;
}

export interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly Container[]; readonly serviceAccountName: string };
}

/** The objects of a file below deploy/kubernetes. */
export function manifests(file: string): readonly Manifest[] {
  const text = readFileSync(join(repository, 'deploy/kubernetes', file), 'utf8');
  return text.split(/^---$/m).map((document) => parseYaml(document) as Manifest);
}

export function podTemplate(all: readonly Manifest[]): PodTemplate {
  const set = all.find(({ kind }) => kind === 'StatefulSet');
  if (set === undefined) throw new Error('no StatefulSet');
  return (set['spec'] as { template: PodTemplate }).template;
}

/** The environment of the agent's container. @param fields values of what only Kubernetes knows */
export function agentEnvironment(template: PodTemplate, fields: Readonly<Record<string, string>>): Record<string, string> {
  const entries = template.spec.containers[0]?.env ?? [];
  return Object.fromEntries(entries.map(({ name, value }) => [name, value ?? fields[name] ?? 'secret']));
}
