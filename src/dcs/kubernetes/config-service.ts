import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Deadline } from '../shared/retry.js';
import { KubernetesError } from './errors.js';
import type { Resource } from './resource.js';

/**
 * A headless Service of the config object's name. Without one the control plane takes Endpoints for left over, and deletes
 * them with the cluster's configuration (dcs.md §14.8).
 */
export class ConfigService {
  readonly #services: Resource;
  readonly #name: string;
  readonly #log: Log;
  #isThere = false;

  constructor(services: Resource, name: string, log: Log) {
    this.#services = services;
    this.#name = name;
    this.#log = log;
  }

  /** Creates it unless that was done. A failure is tried again with the next call, and fails nothing else. */
  async ensure(deadline: Deadline): Promise<void> {
    if (this.#isThere) return;
    try {
      await this.#services.create(this.#name, {}, { deadline, attempts: 'once' }, { clusterIP: 'None' });
      this.#isThere = true;
    } catch (error) {
      if (error instanceof KubernetesError) {
        this.#isThere = error.kind === 'conflict' || error.kind === 'denied';
        // Without the right to make it, somebody else takes care of it.
        if (!this.#isThere) this.#log.warning(`service ${this.#name} not created: ${error.message}`);
      } else if (!(error instanceof DcsUnavailable)) throw error;
    }
  }
}
