import type { Faults } from '../load/ledger.ts'
import type { Stamps } from '../peers/commands.ts'

/** Faults between nodes. */
type BetweenNodes = Pick<Faults, 'lost' | 'doubled' | 'outOfOrder'>

/**
 * Holds what one node heard against what another sent: each message once, in order. `took` is told of each how many
 * microseconds it was under way.
 */
export function matchStamps(sent: Stamps, heard: Stamps, took: (us: number) => void): BetweenNodes {
  const due = new Map(sent)
  const faults = { lost: 0, doubled: 0, outOfOrder: 0 }
  let last = -1
  for (const [number, us] of heard) {
    const sentUs = due.get(number)
    if (sentUs === undefined) faults.doubled += 1
    else took(us - sentUs)
    due.delete(number)
    if (number < last) faults.outOfOrder += 1
    last = number
  }
  return { ...faults, lost: due.size }
}

export function withFaults(faults: Faults, more: BetweenNodes): Faults {
  return {
    ...faults,
    lost: faults.lost + more.lost,
    doubled: faults.doubled + more.doubled,
    outOfOrder: faults.outOfOrder + more.outOfOrder,
  }
}
