import type { Lane, LaneListener } from '../replication/lane.ts'
import { CONTROL, nodeTopic, type Sender } from './sender.ts'

/** The lanes of this node: replicated processes talk on them to their own kind on the other nodes. */
export class Lanes {
  readonly #sender: Sender
  readonly #listeners = new Map<string, LaneListener>()

  constructor(sender: Sender) {
    this.#sender = sender
  }

  open(name: string): Lane {
    return {
      node: this.#sender.node,
      isSolo: this.#sender.isSolo,
      publish: (bytes) => this.#carry(CONTROL, name, bytes),
      send: (node, bytes) => this.#carry(nodeTopic(node), name, bytes),
      listen: (listener) => {
        this.#listeners.set(name, listener)
        return () => {
          if (this.#listeners.get(name) === listener) this.#listeners.delete(name)
        }
      },
    }
  }

  /** Hands on what another node sent. */
  take(name: string, from: string, bytes: Uint8Array): void {
    this.#listeners.get(name)?.(from, bytes)
  }

  /** A message that is too long for the adapter is lost: a lane never throws. Its pages are far shorter. */
  #carry(to: string, lane: string, bytes: Uint8Array): void {
    try {
      this.#sender.send(to, 'lane', { topic: lane, payload: bytes })
    } catch {
      // `limit.reached` has told it.
    }
  }
}
