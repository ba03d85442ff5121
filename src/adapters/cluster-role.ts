/** The part of this process in `node:cluster`: one that relays between its workers must not be a node of its own as well. */
export const role = {
  /** The workers of `startWorkers()` are at work. */
  isRelaying: false,
  /** Adapters of `cluster()` that are at work without a primary. */
  alone: 0,
}
