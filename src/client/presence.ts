import { Presence } from 'phoenix'
import type { PhoenixChannel } from './phoenix.ts'
import type { PresenceChange, Present } from './types.ts'

type Meta = Readonly<Record<string, unknown>>
type Everybody = readonly Present<Meta>[]

/** Always the same array. */
export const NOBODY: Everybody = Object.freeze([])

/** The presences of a channel, by phoenix.js; and what changes at once, as people see it. */
export function followPresence(
  channel: PhoenixChannel,
  told: (now: Everybody, change: PresenceChange<Meta> | undefined) => void,
): void {
  const presence = new Presence(channel as never)
  let before = NOBODY
  presence.onSync(() => {
    const now: Everybody = presence.list((key, { metas }) => ({ key, metas }))
    const left = new Map(before.map((one) => [one.key, one]))
    const joins: Present<Meta>[] = []
    const updates: (Present<Meta> & { before: Present<Meta>['metas'] })[] = []
    for (const one of now) {
      const was = left.get(one.key)
      left.delete(one.key)
      if (!was) joins.push(one)
      else if (was.metas !== one.metas && said(was) !== said(one)) updates.push({ ...one, before: was.metas })
    }
    const leaves = [...left.values()]
    before = now
    told(now, joins[0] || leaves[0] || updates[0] ? { joins, leaves, updates } : undefined)
  })
}

/** The metas without the names of their versions, which change with every connection. */
function said({ metas }: Present<Meta>): string {
  return JSON.stringify(metas.map(({ phx_ref, phx_ref_prev, ...meta }) => meta))
}
