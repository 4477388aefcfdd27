import { isJsonObject, type Json, type JsonObject } from '../../base/json.js';
import type { KubeObject } from './objects.js';
import type { EndpointPort } from './settings.js';

export interface LeaderEndpointOptions {
  readonly name: string;
  readonly namespace: string;
  readonly ports: readonly EndpointPort[];
  /** Configured; else the pod's own. */
  readonly podIp: string | undefined;
  readonly ownPod: () => KubeObject | undefined;
}

/** The address behind the leader's Service, in Endpoints mode: it moves in the same write as the lock (dcs.md §14.8). */
export class LeaderEndpoint {
  readonly #options: LeaderEndpointOptions;

  constructor(options: LeaderEndpointOptions) {
    this.#options = options;
  }

  /** Our own address; undefined where it is there already, or not known. */
  subsetsFor(object: KubeObject | undefined): Json | undefined {
    const { podIp, ports, ownPod } = this.#options;
    const pod = ownPod();
    const ip = podIp ?? pod?.pod.ip;
    if (ip === undefined) return undefined;
    const present = listOf(object?.subsets);
    if (present.length === 1 && isSubset(present[0], ip, ports)) return undefined;
    const known = listOf(present[0]?.['addresses']).find((address) => address['ip'] === ip && this.#isOurs(address['targetRef']));
    const target = known?.['targetRef'] ?? (pod && this.#target(pod));
    const address: JsonObject = {
      ip,
      ...(pod?.pod.hostname === undefined ? {} : { hostname: pod.pod.hostname }),
      ...(pod?.pod.nodeName === undefined ? {} : { nodeName: pod.pod.nodeName }),
      ...(target === undefined ? {} : { targetRef: target }),
    };
    return [{ addresses: [address], ports: ports.map((port) => ({ ...port })) }];
  }

  #isOurs(target: Json | undefined): boolean {
    return isJsonObject(target) && target['kind'] === 'Pod' && target['name'] === this.#options.name;
  }

  #target(pod: KubeObject): JsonObject {
    const { name, namespace } = this.#options;
    return { kind: 'Pod', uid: pod.uid, namespace, name, resourceVersion: pod.resourceVersion };
  }
}

function isSubset(subset: JsonObject | undefined, ip: string, ports: readonly EndpointPort[]): boolean {
  const [addresses, listed] = [listOf(subset?.['addresses']), listOf(subset?.['ports'])];
  if (addresses.length !== 1 || addresses[0]?.['ip'] !== ip || listed.length !== ports.length) return false;
  return ports.every(({ port, name, protocol = 'TCP' }) =>
    listed.some((each) => each['port'] === port && (each['name'] || undefined) === name && (each['protocol'] ?? 'TCP') === protocol),
  );
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
