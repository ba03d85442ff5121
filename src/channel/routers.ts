import type { DeclaredHistory } from '../history/declared.ts'
import type { CompiledChannel } from './definition.ts'
import type { Router } from './router.ts'

/** The routers of all entrances of a node: what the server itself sends goes to the clients of each. */
export class Routers {
  readonly #routers = new Set<Router>()

  add(router: Router): void {
    this.#routers.add(router)
  }

  /** The channels that own a topic, each once: two entrances may have one of their own for it. */
  match(topic: string): readonly CompiledChannel[] {
    const owners: CompiledChannel[] = []
    for (const router of this.#routers) {
      const channel = router.match(topic)
      if (channel !== undefined && !owners.includes(channel)) owners.push(channel)
    }
    return owners
  }

  /** True where clients of a topic are told of presences. */
  tellsPresence(topic: string): boolean {
    for (const router of this.#routers) if (router.match(topic)?.presence !== undefined) return true
    return false
  }

  /** The history of a topic: of several channels that log it, all events, the larger size and the longer time. */
  historyOf(topic: string): DeclaredHistory | undefined {
    let declared: DeclaredHistory | undefined
    for (const { history } of this.match(topic)) declared = both(declared, history)
    return declared
  }
}

function both(a: DeclaredHistory | undefined, b: DeclaredHistory | undefined): DeclaredHistory | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return {
    events: new Set([...a.events, ...b.events]),
    size: Math.max(a.size, b.size),
    ttlMs: Math.max(a.ttlMs, b.ttlMs),
  }
}
