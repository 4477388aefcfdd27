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

/** A file that an option names can't be read; `reason` as C's strerror words it. */
export class UnreadableFile extends CtlError {
  readonly reason: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`Can not read ${path}: ${reason}`, options);
    this.reason = reason;
  }
}
