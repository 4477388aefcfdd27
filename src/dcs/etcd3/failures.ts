import { HttpFailure } from '../shared/http-client.js';
import { EtcdError } from './errors.js';

/** Marks failures of a step before the request itself: the request has certainly not been seen. */
export async function unsent<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof HttpFailure) throw new HttpFailure(error.message, false, error);
    if (error instanceof EtcdError && (error.kind === 'unavailable' || error.kind === 'repeat'))
      throw new HttpFailure(error.message, false, error);
    throw error;
  }
}

/** What a failed attempt means for the next: an answer that stays, a token to renew, a request that was or may have been seen. */
export function classify(error: unknown): 'final' | 'authenticate' | 'not-sent' | 'unknown' {
  if (error instanceof HttpFailure) return error.wasSent ? 'unknown' : 'not-sent';
  if (!(error instanceof EtcdError)) return 'final';
  if (error.kind === 'auth') return 'authenticate';
  return error.kind === 'unavailable' || error.kind === 'repeat' ? 'unknown' : 'final';
}
