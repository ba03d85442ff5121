/**
 * A named lane to its own kind on the other nodes: all that a replicated process (presence, groups) asks of the pubsub.
 *
 * A lane may lose, delay, double and reorder messages, and may fall silent for a while. It must not change bytes, must
 * not hand a node its own messages, and must say truthfully who sent a message. It never throws.
 */
export interface Lane {
  /** This node: unique among all nodes of the cluster. */
  readonly node: string

  /** True where there are no other nodes, and never will be: nothing is to be kept for them. @default false */
  readonly isSolo?: boolean

  /** Sends to every other node that listens on this lane. Fire and forget. `bytes` are not changed afterwards. */
  publish(bytes: Uint8Array): void

  /** Sends to one node, which may be gone. Fire and forget. */
  send(node: string, bytes: Uint8Array): void

  /** Begins to listen. The returned function ends it: the listener is not called after that. */
  listen(listener: LaneListener): () => void
}

/** Takes one message of another node. `bytes` must not be kept: they may be a view into a larger buffer. */
export type LaneListener = (from: string, bytes: Uint8Array) => void

/** No message of a replicated process is much longer than this: large states are sent in pages. */
export const LANE_PAGE_BYTES = 256 * 1024

/** The lane of a node without others: it carries nothing. */
export function soloLane(node: string): Lane {
  return { node, publish() {}, send() {}, listen: () => () => {} }
}
