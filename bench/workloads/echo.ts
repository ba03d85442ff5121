import type { Connection } from '../load/connection.ts'
import { openCrowd } from '../load/crowd.ts'
import { Ledger } from '../load/ledger.ts'
import { type Driver, NumberedBout, type Sender, senderOf, sendMessages } from './numbered-bout.ts'
import type { Run } from './run.ts'
import type { Workload } from './workload.ts'

export interface EchoOptions {
  readonly id: string
  readonly title: string
  readonly connections: number
  readonly bodyBytes: number
  /** Pushes of each connection that wait for their reply at any time. */
  readonly outstanding: number
}

/** Each connection keeps so many pushes unanswered: what one read brought in replies goes out as pushes in one write. */
export function echo({ id, title, connections, bodyBytes, outstanding }: EchoOptions): Workload {
  return {
    id,
    title,
    unit: 'reply',
    connections,
    async open(target) {
      const topic = `${target.topicPrefix}:echo`
      const crowd = await openCrowd(target, connections, { topicsOf: () => [topic] })
      const lanes = crowd.map((_, lane) => [lane])
      const ledger = new Ledger(lanes, connections, { bodyBytes })
      const senders = crowd.map((connection, lane) =>
        senderOf(connection, lane, { topic, event: 'echo', bodyBytes }),
      )
      return new NumberedBout(crowd, ledger, new WindowedLoop(senders, ledger, outstanding))
    },
  }
}

class WindowedLoop implements Driver {
  readonly #senders: readonly Sender[]
  readonly #ledger: Ledger
  readonly #window: number
  /** Replies in the read that is going on. */
  #replies = 0

  constructor(senders: readonly Sender[], ledger: Ledger, window: number) {
    this.#senders = senders
    this.#ledger = ledger
    this.#window = window
  }

  begin(): void {
    for (const sender of this.#senders) sendMessages(sender, this.#ledger, this.#window)
  }

  received(): void {
    this.#replies += 1
  }

  readEnd(connection: Connection, run: Run): void {
    const sender = this.#senders[connection.index]
    if (run.open && sender !== undefined && this.#replies > 0) {
      sendMessages(sender, this.#ledger, this.#replies)
    }
    this.#replies = 0
    if (this.#ledger.outstanding === 0) run.finish()
  }
}
