import { stringifyJson } from '../base/json.js';

/** An answer before it is written: code, body, and what is special about it. */
export interface Reply {
  readonly code: number;
  readonly body: string;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function json(code: number, value: unknown): Reply {
  return { code, body: stringifyJson(value, 'spaced'), contentType: 'application/json' };
}

export function text(code: number, body: string, headers?: Readonly<Record<string, string>>): Reply {
  return { code, body, contentType: 'text/html', ...(headers === undefined ? {} : { headers }) };
}

const PAGES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  409: 'Conflict',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** The small HTML page of an error (rest-api.md §1). */
export function page(code: number, explanation = PAGES[code] ?? 'Error'): Reply {
  const escaped = explanation.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? c);
  const body = `<!DOCTYPE html>\n<html><head><title>${code}</title></head><body><p>Error code: ${code}</p><p>Message: ${escaped}.</p></body></html>\n`;
  return { code, body, contentType: 'text/html;charset=utf-8' };
}

/** Ends a request early with an answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`refused with ${reply.code}`);
    this.reply = reply;
  }
}
