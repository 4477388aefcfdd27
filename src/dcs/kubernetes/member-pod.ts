import { deepEqualByText } from '../../base/python-values.js';
import { parseMemberData } from '../../cluster/member.js';
import type { Deadline } from '../shared/retry.js';
import { KubernetesError } from './errors.js';
import type { ObjectCache } from './object-cache.js';
import type { KubeObject } from './objects.js';
import { podLabels } from './pod-labels.js';
import type { Resource } from './resource.js';
import type { RoleLabels } from './settings.js';

export interface MemberPodOptions {
  readonly name: string;
  readonly namespace: string;
  readonly resource: Resource;
  readonly cache: ObjectCache;
  readonly labels: RoleLabels;
}

/** The member's pod: its annotation `status` is the member key, its labels tell the role. Kubernetes creates and removes it. */
export class MemberPod {
  readonly #options: MemberPodOptions;

  constructor(options: MemberPodOptions) {
    this.#options = options;
  }

  /** @param isLeader by the store's last word. @throws KubernetesError `absent` where there is no such pod */
  async write(value: string, isLeader: boolean, deadline: Deadline): Promise<void> {
    const { name, namespace, resource, cache } = this.#options;
    const member = parseMemberData(value);
    const labels = podLabels(member, isLeader, this.#options.labels);
    if (isSame(cache.get(name), member, labels)) return;
    const change = { labels, annotations: { status: value } };
    try {
      await cache.write(name, () => resource.patch(name, change, { deadline, attempts: 'once' }));
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== 'absent') throw error;
      throw new KubernetesError('absent', `no pod ${name} in namespace ${namespace}: the setting "name" must be the pod's name`);
    }
  }
}

function isSame(
  pod: KubeObject | undefined,
  member: Readonly<Record<string, unknown>>,
  labels: Readonly<Record<string, string | null>>,
): boolean {
  if (pod === undefined || pod.annotations['status'] === undefined) return false;
  if (!Object.entries(labels).every(([key, value]) => (pod.labels[key] ?? null) === value)) return false;
  return deepEqualByText(parseMemberData(pod.annotations['status']), member);
}
