import { isJsonObject, type JsonObject } from '../../base/json.js';
import { type Lsn, lsnFromBytes } from '../../base/lsn.js';
import { parseBigInteger } from '../../base/python-values.js';
import type { AgentControl } from '../../ports/agent-control.js';
import { page, type Reply, text } from '../reply.js';

/** Seconds. A member must not be held back for longer by one request, whoever sent it. */
const MOST_TTL = 3600;

/** Without the mode nothing is accepted, whatever the body says. */
export function refuseFailsafe(control: AgentControl): Reply | undefined {
  return control.snapshot().config.failsafeMode ? undefined : page(502);
}

/** `POST /failsafe` (rest-api.md §10.11): a primary without store asks whether it may go on. */
export function acceptFailsafe(control: AgentControl, body: JsonObject): Reply {
  // Once more: it may have been switched off while the body was read.
  const refusal = refuseFailsafe(control);
  if (refusal !== undefined) return refusal;
  const { name, conn_url, api_url } = body;
  if (typeof name !== 'string' || typeof conn_url !== 'string' || typeof api_url !== 'string') return page(400);
  const slots = isJsonObject(body['slots']) ? positions(body['slots']) : undefined;
  const ttl = body['ttl'] === undefined ? undefined : Number(body['ttl']);
  if (ttl !== undefined && !(ttl > 0 && ttl <= MOST_TTL)) return page(400);
  const answer = control.acceptFailsafe({
    name,
    conn_url,
    api_url,
    ...(slots === undefined ? {} : { slots }),
    ...(ttl === undefined ? {} : { ttl }),
  });
  if (answer.kind === 'running-as-leader') return text(500, 'Running as a leader');
  if (answer.kind === 'refused') return text(503, answer.reason);
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
