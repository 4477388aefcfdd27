import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KubeServer, startKube } from '../../support/kube-server.js';
import type { StoreServer } from './servers.js';

const PODS = '/api/v1/namespaces/default/pods';
const LABELS = { application: 'patroni' };

/** One real kube-apiserver. Members' pods are objects that we make; stopping and starting it again keeps them. */
export class KubernetesServer implements StoreServer {
  readonly log = undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly #kube: KubeServer;
  readonly #useEndpoints: boolean;
  #pods = 0;

  private constructor(kube: KubeServer, kubeconfig: string, useEndpoints: boolean) {
    this.#kube = kube;
    this.#useEndpoints = useEndpoints;
    this.environment = { KUBECONFIG: kubeconfig };
  }

  static async start(folder: string, useEndpoints = false): Promise<KubernetesServer> {
    const kube = await startKube();
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, kube.kubeconfig());
    return new KubernetesServer(kube, kubeconfig, useEndpoints);
  }

  get clientPort(): number {
    return this.#kube.port;
  }

  get section(): Readonly<Record<string, unknown>> {
    return { kubernetes: { labels: LABELS, context: 'test', use_endpoints: this.#useEndpoints, tmp_role_label: 'tmp_role' } };
  }

  /** What Kubernetes does before a member's agent runs. */
  async addMember(name: string, scope: string): Promise<void> {
    this.#pods += 1;
    await this.#kube.createPod(name, { ...LABELS, 'cluster-name': scope }, { ip: `10.1.0.${this.#pods}` });
  }

  /** Role label of each pod. */
  async roles(): Promise<Readonly<Record<string, string | undefined>>> {
    const { items } = (await this.#kube.apply('GET', PODS)) as { items: { metadata: { name: string; labels: Record<string, string> } }[] };
    return Object.fromEntries(items.map(({ metadata }) => [metadata.name, metadata.labels['role']]));
  }

  /** The pod to which the leader's Service leads, in Endpoints mode. */
  async endpoint(scope: string): Promise<string | undefined> {
    const { subsets } = (await this.#kube.apply('GET', `/api/v1/namespaces/default/endpoints/${scope}`)) as {
      subsets?: { addresses: { targetRef?: { name: string } }[] }[];
    };
    return subsets?.[0]?.addresses[0]?.targetRef?.name;
  }

  start(): Promise<void> {
    return this.#kube.restart();
  }

  /** The API server alone; its etcd stays until the end. */
  stop(): Promise<void> {
    this.#kube.thaw();
    return this.#kube.kill();
  }

  remove(): Promise<void> {
    return this.#kube.stop();
  }

  freeze(): void {
    this.#kube.freeze();
  }

  thaw(): void {
    this.#kube.thaw();
  }
}
