import type { ServerMessage } from '../client/codec.ts'

/** One presence of a key, as it came over the wire. */
export type PresenceMeta<Meta = unknown> = Meta & { phx_ref: string; phx_ref_prev?: string }

/** Presences, by key. */
export type PresenceState<Meta = unknown> = Record<string, { metas: PresenceMeta<Meta>[] }>

interface Diff {
  readonly joins: PresenceState
  readonly leaves: PresenceState
}

/** The presences of a topic, as a client works them out of `presence_state` and the diffs that follow. */
export class SyncedPresences {
  #state = new Map<string, PresenceMeta[]>()

  list(): PresenceState {
    return Object.fromEntries([...this.#state].map(([key, metas]) => [key, { metas: [...metas] }]))
  }

  observe({ event, payload }: ServerMessage): void {
    if (event === 'presence_state') this.#replace(payload as PresenceState)
    else if (event === 'presence_diff') this.#change(payload as Diff)
  }

  #replace(state: PresenceState): void {
    this.#state = new Map(Object.entries(state).map(([key, { metas }]) => [key, metas]))
  }

  #change({ joins, leaves }: Diff): void {
    for (const [key, { metas }] of Object.entries(joins)) {
      this.#state.set(key, [...without(this.#state.get(key), metas), ...metas])
    }
    for (const [key, { metas }] of Object.entries(leaves)) {
      const rest = without(this.#state.get(key), metas)
      if (rest.length > 0) this.#state.set(key, rest)
      else this.#state.delete(key)
    }
  }
}

function without(metas: readonly PresenceMeta[] = [], gone: readonly PresenceMeta[]): PresenceMeta[] {
  return metas.filter((meta) => !gone.some(({ phx_ref }) => phx_ref === meta.phx_ref))
}
