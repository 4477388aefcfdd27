import { join } from 'node:path';
import type { Clock } from '../../ports/clock.js';
import type { TlsSettings } from '../shared/http-client.js';
import { type Authorization, contentOf, readSetting, TokenFile } from './authorization.js';
import { kubeconfigAccess } from './kubeconfig.js';
import type { KubernetesSettings } from './settings.js';

/** Where a pod finds its service account. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The API's address, how to trust it, and who we are. */
export interface ApiAccess {
  readonly origin: string;
  readonly tls: TlsSettings;
  readonly authorization: Authorization;
}

/** What of the process's surroundings tells how to reach the API. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A YAML reader, for kubeconfig. */
  readonly parseYaml: (text: string) => unknown;
  /** Instead of the one of pods. */
  readonly serviceAccountFolder?: string;
}

/** The service account inside of a pod; else the kubeconfig. @throws DcsSettingError */
export function apiAccess(settings: KubernetesSettings, surroundings: Surroundings, clock: Clock): ApiAccess {
  const { environment, parseYaml } = surroundings;
  return inClusterAccess(settings, surroundings, clock) ?? kubeconfigAccess(settings, environment, parseYaml, clock);
}

/** undefined unless address, CA and token are all there. */
function inClusterAccess(settings: KubernetesSettings, surroundings: Surroundings, clock: Clock): ApiAccess | undefined {
  const { environment, serviceAccountFolder } = surroundings;
  const [host, port] = [environment['KUBERNETES_SERVICE_HOST'], environment['KUBERNETES_SERVICE_PORT']];
  const folder = serviceAccountFolder ?? SERVICE_ACCOUNT_FOLDER;
  const [tokenFile, caFile] = [join(folder, 'token'), join(folder, 'ca.crt')];
  if (!host || !port || contentOf(tokenFile) === undefined || contentOf(caFile) === undefined) return undefined;
  return {
    origin: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tls: { ca: readSetting(settings.cacert ?? caFile, 'kubernetes.cacert') },
    authorization: new TokenFile(tokenFile, clock),
  };
}
