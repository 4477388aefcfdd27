import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Terminal } from './terminal.js';

/** The terminal or pipe of this process; `close` lets the process end. */
export function nodeTerminal(): Terminal & { close(): void } {
  const lines: string[] = [];
  let reader: Interface | undefined;
  let isEnded = false;
  let isMuted = false;
  let wake: () => void = () => undefined;
  const isTty = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const echo = new Writable({
    write(part, _encoding, done) {
      if (!isMuted) process.stdout.write(part);
      done();
    },
  });
  const open = (): Interface => {
    if (reader !== undefined) return reader;
    const created = createInterface({ input: process.stdin, output: echo, terminal: isTty });
    created.on('line', (line) => {
      lines.push(line);
      wake();
    });
    created.on('SIGINT', () => created.close());
    created.on('close', () => {
      isEnded = true;
      wake();
    });
    reader = created;
    return created;
  };
  return {
    isOutputTty: process.stdout.isTTY === true,
    hasColours: process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    readLine: async (text, hidden = false) => {
      const input = open();
      if (isTty && !hidden) {
        input.setPrompt(text);
        input.prompt();
      } else process.stdout.write(text);
      isMuted = hidden;
      while (lines.length === 0 && !isEnded) await new Promise<void>((resolve) => (wake = resolve));
      isMuted = false;
      if (hidden) process.stdout.write('\n');
      return lines.shift();
    },
    close: () => reader?.close(),
  };
}
