import { isJsonObject, type JsonObject } from '../../base/json.js';
import { type Lsn, lsnFromBytes } from '../../base/lsn.js';
import { parseBigInteger } from '../../base/python-values.js';
import type { AgentControl } from '../../ports/agent-control.js';
import { page, type Reply, text } from '../reply.js';

/** `POST /failsafe` (rest-api.md §10.11): a primary without store asks whether it may go on. */
export function acceptFailsafe(control: AgentControl, body: JsonObject): Reply {
  if (!control.snapshot().config.failsafeMode) return page(502);
  const { name, conn_url, api_url } = body;
  if (typeof name !== 'string' || typeof conn_url !== 'string' || typeof api_url !== 'string') return page(400);
  const slots = isJsonObject(body['slots']) ? positions(body['slots']) : undefined;
  const answer = control.acceptFailsafe({ name, conn_url, api_url, ...(slots === undefined ? {} : { slots }) });
  if (answer.kind === 'running-as-leader') return text(500, 'Running as a leader');
  return text(200, 'Accepted', answer.lsn === undefined ? undefined : { lsn: String(answer.lsn) });
}

function positions(slots: JsonObject): Record<string, Lsn> {
  const known: Record<string, Lsn> = {};
  for (const [name, value] of Object.entries(slots)) {
    const bytes = parseBigInteger(value);
    const lsn = bytes === undefined ? undefined : lsnFromBytes(bytes);
    if (lsn !== undefined) known[name] = lsn;
  }
  return known;
}
