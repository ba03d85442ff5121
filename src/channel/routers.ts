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
    const owners = new Set<CompiledChannel>()
    for (const router of this.#routers) {
      const channel = router.match(topic)
      if (channel !== undefined) owners.add(channel)
    }
    return [...owners]
  }
}
