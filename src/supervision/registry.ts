import { berylError } from '../ground/errors.ts'

const holders = new Map<string, object>()

/**
 * Gives a name to a process. One living process holds it at a time.
 *
 * @throws BERYL_ERR_ALREADY_STARTED while another one does
 */
export function register(name: string, holder: object): void {
  if (holders.has(name)) throw berylError('BERYL_ERR_ALREADY_STARTED', name)
  holders.set(name, holder)
}

/** Frees a name, if this process holds it. */
export function unregister(name: string, holder: object): void {
  if (holders.get(name) === holder) holders.delete(name)
}

/** The present holder of the name. */
export function whereis(name: string): object | undefined {
  return holders.get(name)
}
