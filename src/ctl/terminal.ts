import { Aborted } from './errors.js';

/** Where a person or a script reads and answers. */
export interface Terminal {
  readonly isOutputTty: boolean;
  /** A person looks at it, and has not asked for plain text (`NO_COLOR`). */
  readonly hasColours: boolean;
  out(text: string): void;
  err(text: string): void;
  /** Shows `text` and reads one line; undefined at the end of input or on Ctrl-C. `hidden`: nothing typed is shown. */
  readLine(text: string, hidden?: boolean): Promise<string | undefined>;
}

async function ask(terminal: Terminal, text: string, hidden = false): Promise<string> {
  const line = await terminal.readLine(text, hidden);
  if (line === undefined) throw new Aborted();
  return line;
}

/** Asks until there is an answer; an empty line takes the default (patronictl.md §4.2). */
export async function prompt(terminal: Terminal, text: string, fallback?: string, hidden = false): Promise<string> {
  for (;;) {
    const answer = await ask(terminal, fallback === undefined ? `${text}: ` : `${text} [${fallback}]: `, hidden);
    if (answer !== '') return answer;
    if (fallback !== undefined) return fallback;
  }
}

export async function promptInteger(terminal: Terminal, text: string): Promise<number> {
  for (;;) {
    const answer = await prompt(terminal, text);
    if (/^\s*[-+]?[0-9]+\s*$/.test(answer)) return Number(answer);
    terminal.out(`Error: '${answer}' is not a valid integer.\n`);
  }
}

export async function confirm(terminal: Terminal, text: string): Promise<boolean> {
  for (;;) {
    const answer = (await ask(terminal, `${text} [y/N]: `)).trim().toLowerCase();
    if (answer === 'y' || answer === 'yes') return true;
    if (answer === 'n' || answer === 'no' || answer === '') return false;
    terminal.out('Error: invalid input\n');
  }
}
