/** How far behind the newest an envelope may come and still be told from a repeated one. */
const WINDOW = 4096
/** How many nodes are remembered: the one that was met first is forgotten first. */
const NODES = 256

interface NodeWindow {
  newest: number
  readonly recent: Set<number>
}

/**
 * Remembers which envelopes of each node came already. Brokers may deliver one twice, and envelopes of different
 * topics may overtake each other, so the newest number alone says too little.
 */
export class Seen {
  readonly #nodes = new Map<string, NodeWindow>()

  /** Whether this envelope is new; from then on it is not. One that is older than the window counts as seen. */
  first(node: string, sequence: number): boolean {
    const window = this.#window(node, sequence)
    if (sequence <= window.newest - WINDOW || window.recent.has(sequence)) return false
    window.recent.add(sequence)
    if (sequence > window.newest) slide(window, sequence)
    return true
  }

  #window(node: string, sequence: number): NodeWindow {
    let window = this.#nodes.get(node)
    if (window === undefined) {
      window = { newest: sequence, recent: new Set() }
      this.#nodes.set(node, window)
      if (this.#nodes.size > NODES)
        for (const oldest of [...this.#nodes.keys()].slice(0, 1)) this.#nodes.delete(oldest)
    }
    return window
  }
}

function slide(window: NodeWindow, newest: number): void {
  const upTo = Math.min(newest - WINDOW, window.newest)
  for (let old = window.newest - WINDOW; old <= upTo; old++) window.recent.delete(old)
  window.newest = newest
}
