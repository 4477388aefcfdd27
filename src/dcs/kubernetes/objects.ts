import { isJsonObject, type Json, type JsonObject } from '../../base/json.js';
import { KubernetesError } from './errors.js';

export type Annotations = Readonly<Record<string, string>>;

/** What we use of an object of Kubernetes'. */
export interface KubeObject {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Annotations;
  /** Of Endpoints. */
  readonly subsets: Json | undefined;
  /** Of a pod. */
  readonly pod: { readonly ip: string | undefined; readonly hostname: string | undefined; readonly nodeName: string | undefined };
}

/** @throws KubernetesError when it is no object: an answer of something between us and Kubernetes. */
export function parseObject(document: Json | undefined): KubeObject {
  const metadata = isJsonObject(document) ? document['metadata'] : undefined;
  if (!isJsonObject(document) || !isJsonObject(metadata)) throw notAnObject();
  const { name, uid, resourceVersion } = metadata;
  if (typeof name !== 'string' || typeof resourceVersion !== 'string') throw notAnObject();
  const [spec, status] = [objectOf(document['spec']), objectOf(document['status'])];
  return {
    name,
    uid: textOf(uid) ?? '',
    resourceVersion,
    labels: textsOf(metadata['labels']),
    annotations: textsOf(metadata['annotations']),
    subsets: document['subsets'],
    pod: { ip: textOf(status['podIP']), hostname: textOf(spec['hostname']), nodeName: textOf(spec['nodeName']) },
  };
}

/** Whether `a` is certainly newer than `b`. Versions are opaque; all servers that exist make them of digits. */
export function isNewer(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return a !== b;
  return BigInt(a) > BigInt(b);
}

function notAnObject(): KubernetesError {
  return new KubernetesError('unavailable', 'not an answer of Kubernetes: no object with a name and a resourceVersion');
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Annotations of tools, which can be as large as the object itself. */
const IGNORED = /^kubectl\.kubernetes\.io\//;

function textsOf(value: Json | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(objectOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && !IGNORED.test(entry[0])),
  );
}
