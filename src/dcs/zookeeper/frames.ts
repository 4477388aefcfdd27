import { JuteError } from './jute.js';

/** All of a cluster's values in one answer; what is larger is a mistake. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** A message with its length in front, as it is sent. */
export function framed(body: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Splits what arrives into messages. @param fail what arrived is no message; nothing is told after it. */
export function frames(onFrame: (frame: Buffer) => void, fail: (error: Error) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    while (size >= wanted) {
      const data = Buffer.concat(chunks);
      const length = data.readInt32BE();
      if (length < 0 || length > MAX_ANSWER_BYTES)
        return fail(new Error(`not an answer of ZooKeeper's, or one larger than ${MAX_ANSWER_BYTES} bytes`));
      wanted = 4 + length;
      const rest = data.subarray(wanted);
      chunks = size < wanted ? [data] : rest.length === 0 ? [] : [rest];
      if (size < wanted) return;
      size = rest.length;
      wanted = 4;
      try {
        onFrame(data.subarray(4, 4 + length));
      } catch (error) {
        if (!(error instanceof JuteError)) throw error;
        return fail(error);
      }
    }
  };
}
