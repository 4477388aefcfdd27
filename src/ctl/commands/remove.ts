import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import type { Format } from '../output/rows.js';
import { loadView, printCluster } from '../selection.js';
import { prompt } from '../terminal.js';

const AWARE = 'Yes I am aware';

/** patronictl.md §7.14 */
export async function remove(
  context: CtlContext,
  cluster: string,
  { group, format }: { readonly group: number | undefined; readonly format: Format },
): Promise<void> {
  const { terminal } = context;
  if (group === undefined && context.settings.citusGroup !== undefined) {
    throw new CtlError('For Citus clusters the --group must me specified');
  }
  const view = await loadView(context, cluster, group);
  printCluster(context, cluster, [{ group, view }], { format, group });
  if ((await prompt(terminal, 'Please confirm the cluster name to remove')) !== cluster) {
    throw new CtlError('Cluster names specified do not match');
  }
  const warning = `You are about to remove all information in DCS for ${cluster}, please type: "${AWARE}"`;
  if ((await prompt(terminal, warning)) !== AWARE) throw new CtlError(`You did not exactly type "${AWARE}"`);
  if (view.leader !== undefined) {
    const question = 'This cluster currently is healthy. Please specify the leader name to continue';
    if ((await prompt(terminal, question)) !== view.leader.name) {
      throw new CtlError('You did not specify the current leader of the cluster');
    }
  }
  if (!(await (await context.store(cluster, group)).deleteCluster())) throw new CtlError(`Could not remove cluster ${cluster}`);
}
