/**
 * The folder of a cluster's keys, with a slash at its end: `/service/demo/` (dcs.md §2). The slash keeps scope `demo`
 * apart from `demo2` wherever keys are chosen by prefix.
 */
export function clusterPath(namespace: string, scope: string): string {
  const parts = `${namespace}/${scope}`.split('/').filter((part) => part !== '');
  return `/${parts.join('/')}/`;
}
