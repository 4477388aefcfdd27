/** The command can't go on: `Error: <message>`, exit 1. */
export class CtlError extends Error {
  override readonly name = 'CtlError';
}

/** The command line is wrong: usage, hint and `Error: <message>`, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** End of input or Ctrl-C at a prompt: `Aborted!`, exit 1. */
export class Aborted extends Error {
  override readonly name = 'Aborted';
}
