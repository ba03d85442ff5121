import { openCrowd } from '../load/crowd.ts'
import { Ledger } from '../load/ledger.ts'
import { type Driver, NumberedBout, type Sender, senderOf, sendMessages } from './numbered-bout.ts'
import type { Run } from './run.ts'
import type { Workload } from './workload.ts'

export interface RoomsOptions {
  readonly id: string
  readonly title: string
  readonly rooms: number
  readonly members: number
  readonly bodyBytes: number
  /** Messages of each member per second. */
  readonly perSecond: number
}

/** A chat: every member says something at a steady pace, whatever the server does, and all in its room hear it. */
export function rooms({ id, title, rooms, members, bodyBytes, perSecond }: RoomsOptions): Workload {
  const connections = rooms * members
  return {
    id,
    title,
    unit: 'delivery',
    connections,
    async open(target) {
      const roomOf = (index: number) => index % rooms
      const topicOf = (index: number) => `${target.topicPrefix}:${roomOf(index)}`
      const crowd = await openCrowd(target, connections, { topicsOf: (index) => [topicOf(index)] })
      const lanesOf = crowd.map((_, index) => lanesOfRoom(roomOf(index), rooms, members))
      const ledger = new Ledger(lanesOf, connections, { bodyBytes })
      const senders = crowd.map((connection, lane) =>
        senderOf(connection, lane, { topic: topicOf(lane), event: 'say', bodyBytes }),
      )
      return new NumberedBout(crowd, ledger, new Paced(senders, ledger, perSecond * connections))
    },
  }
}

/** A lane is a member, numbered as its connection. */
function lanesOfRoom(room: number, rooms: number, members: number): number[] {
  return Array.from({ length: members }, (_, seat) => seat * rooms + room)
}

class Paced implements Driver {
  readonly #senders: readonly Sender[]
  readonly #ledger: Ledger
  readonly #perMs: number
  #next = 0

  constructor(senders: readonly Sender[], ledger: Ledger, perSecond: number) {
    this.#senders = senders
    this.#ledger = ledger
    this.#perMs = perSecond / 1_000
  }

  begin(run: Run): void {
    const began = performance.now()
    let sent = 0
    const pace = setInterval(() => {
      if (!run.open) {
        clearInterval(pace)
        return this.readEnd(undefined, run) // all may be there already, with no read to come
      }
      const due = Math.floor((performance.now() - began) * this.#perMs)
      for (; sent < due; sent += 1) this.#sayNext()
    }, 1)
  }

  readEnd(_: unknown, run: Run): void {
    if (!run.open && this.#ledger.outstanding === 0) run.finish()
  }

  #sayNext(): void {
    const sender = this.#senders[this.#next]
    this.#next = (this.#next + 1) % this.#senders.length
    if (sender !== undefined) sendMessages(sender, this.#ledger, 1)
  }
}
