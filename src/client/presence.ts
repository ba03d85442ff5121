import { Presence } from 'phoenix'
import type { PhoenixChannel } from './phoenix.ts'
import type { PresenceChange, Present } from './types.ts'

type Meta = Readonly<Record<string, unknown>>
type Metas = Present<Meta>['metas']

/** The presences of a topic, by phoenix.js; and what changes at once, as people see it. */
export class Presences {
  readonly #changed: (change: PresenceChange<Meta>) => void
  #all = new Map<string, Metas>()
  #list: readonly Present<Meta>[] | undefined

  constructor(changed: (change: PresenceChange<Meta>) => void) {
    this.#changed = changed
  }

  list(): readonly Present<Meta>[] {
    this.#list ??= [...this.#all].map(([key, metas]) => ({ key, metas }))
    return this.#list
  }

  /** Follows a channel. */
  follow(channel: PhoenixChannel): void {
    const presence = new Presence(channel as never)
    presence.onSync(() => this.#sync(new Map(presence.list((key, { metas }) => [key, metas]))))
  }

  /** The channel is over: nothing is known any more. */
  clear(): void {
    this.#all.clear()
    this.#list = undefined
  }

  #sync(now: Map<string, Metas>): void {
    const before = this.#all
    this.#all = now
    this.#list = undefined
    const joins: Present<Meta>[] = []
    const leaves: Present<Meta>[] = []
    const updates: (Present<Meta> & { before: Metas })[] = []
    for (const [key, metas] of now) {
      const old = before.get(key)
      if (old === undefined) joins.push({ key, metas })
      else if (old !== metas && said(old) !== said(metas)) updates.push({ key, metas, before: old })
    }
    for (const [key, metas] of before) if (!now.has(key)) leaves.push({ key, metas })
    if (joins.length + leaves.length + updates.length > 0) this.#changed({ joins, leaves, updates })
  }
}

/** The metas without the names of their versions, which change with every connection. */
function said(metas: Metas): string {
  return JSON.stringify(metas.map(({ phx_ref, phx_ref_prev, ...meta }) => meta))
}
