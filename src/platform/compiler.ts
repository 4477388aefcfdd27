import { setFlagsFromString } from 'node:v8';

/**
 * V8's optimising compilers take 4 MB and more, which a loop that mostly waits never earns back. They stay off until
 * somebody asks for thousands of answers a second.
 */
export function compileHotFunctions(): void {
  setFlagsFromString('--opt');
}
