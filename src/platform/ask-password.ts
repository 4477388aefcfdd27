/** Asks at the terminal without showing what is typed; without a terminal the first line of standard input is taken. */
export async function askPassword(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  const isTerminal = stdin.isTTY;
  if (isTerminal) {
    stderr.write(`${prompt} `);
    stdin.setRawMode(true);
  }
  stdin.setEncoding('utf8');
  let answer = '';
  try {
    for await (const chunk of stdin as AsyncIterable<string>) {
      for (const character of chunk) {
        if (character === '\n' || character === '\r' || character === '\u0004') return answer;
        // In raw mode Ctrl-C is a character, not a signal.
        if (character === '\u0003') throw new Error('interrupted');
        answer = character === '\u007f' || character === '\b' ? answer.slice(0, -1) : answer + character;
      }
    }
    return answer;
  } finally {
    if (isTerminal) {
      stdin.setRawMode(false);
      stderr.write('\n');
    }
    stdin.pause();
  }
}
