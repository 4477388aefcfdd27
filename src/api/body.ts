import type { IncomingMessage } from 'node:http';
import { type JsonObject, parseJsonObject } from '../base/json.js';
import { page, Refusal } from './reply.js';

/** No request of ours needs more. */
const MAX_BODY = 1_048_576;
/** Who sends more than this is cut off without an answer. */
const MAX_DRAINED = 16 * MAX_BODY;

/**
 * Reads a JSON object (rest-api.md §1). A chunked body is read as well; Patroni would take it for none, which on `/restart`
 * means an unconditional restart.
 * @throws Refusal 411 without a length where a body is required; 400 for anything that is not an object.
 */
export async function readBody(request: IncomingMessage, isRequired: boolean): Promise<JsonObject> {
  const length = request.headers['content-length'];
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  if (length === undefined && !isChunked) {
    if (isRequired) throw new Refusal(page(411));
    return {};
  }
  if (length !== undefined && !/^[0-9]+$/.test(length)) throw new Refusal(page(400));
  const content = await readText(request);
  if (content === '' && !isRequired) return {};
  const body = parseJsonObject(content);
  if (body === undefined || (isRequired && Object.keys(body).length === 0)) throw new Refusal(page(400));
  return body;
}

/** A body that is too long is read to its end all the same, so that the client gets to read the answer. */
async function readText(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_DRAINED) break;
    if (size <= MAX_BODY) parts.push(part);
  }
  if (size > MAX_BODY) throw new Refusal(page(413));
  return Buffer.concat(parts).toString('utf8');
}
