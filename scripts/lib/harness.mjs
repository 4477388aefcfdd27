// Builds, and gives the built harness to demo and benchmark, from a copy where the servers' user cannot read the checkout.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readableCheckout } from './unprivileged.mjs';

/** The setup must have run. The caller calls `remove` at its end. */
export async function harness(root, { bundle: wantsBundle = true } = {}) {
  const { bundle, transpile } = await import('../build.mjs');
  if (wantsBundle) await bundle();
  await transpile();
  const checkout = readableCheckout(root);
  return { ...checkout, load: (path) => import(pathToFileURL(join(checkout.root, 'build', path)).href) };
}
