import type { Target } from '../load/connection.ts'
import { openCrowd } from '../load/crowd.ts'
import { Ledger } from '../load/ledger.ts'
import type { Order } from '../peers/commands.ts'
import { BODY_BYTES, TOPIC } from '../peers/orders.ts'
import { type Driver, NumberedBout } from './numbered-bout.ts'
import type { Run } from './run.ts'
import type { Bout, Outcome } from './workload.ts'

/** The pace at which a node broadcasts: the next when all have the last, or a turn every so often, whatever happens. */
export type Pacing = { readonly kind: 'closed' } | { readonly kind: 'paced'; readonly everyMs: number }

/** The node that broadcasts. */
export interface Sender {
  order(order: Order): void
}

/** One node broadcasts, and the subscribers are at another. */
export class RelayBout implements Bout {
  /** Broadcasts in one turn of the sender's event loop. */
  perTurn = 1
  readonly #sender: Sender
  readonly #ledger: Ledger
  readonly #pacing: Pacing
  readonly #bout: NumberedBout

  /** `target` is the node of the subscribers. */
  static async open(
    target: Target,
    sender: Sender,
    { subscribers, pacing }: { readonly subscribers: number; readonly pacing: Pacing },
  ): Promise<RelayBout> {
    const crowd = await openCrowd(target, subscribers, { topicsOf: () => [TOPIC] })
    const lanesOf = crowd.map(() => [0])
    const ledger = new Ledger(lanesOf, 1, { bodyBytes: BODY_BYTES })
    return new RelayBout(sender, ledger, pacing, (driver) => new NumberedBout(crowd, ledger, driver))
  }

  private constructor(
    sender: Sender,
    ledger: Ledger,
    pacing: Pacing,
    boutOf: (driver: Driver) => NumberedBout,
  ) {
    this.#sender = sender
    this.#ledger = ledger
    this.#pacing = pacing
    this.#bout = boutOf({ begin: (run) => this.#begin(run), readEnd: (_, run) => this.#readEnd(run) })
  }

  run(forMs: number): Promise<Outcome> {
    return this.#bout.run(forMs)
  }

  close(): void {
    this.#bout.close()
  }

  #begin({ forMs }: Run): void {
    if (this.#pacing.kind === 'closed') return this.#next()
    const { everyMs } = this.#pacing
    const turns = Math.ceil(forMs / everyMs)
    const first = this.#enter(turns * this.perTurn)
    this.#sender.order({ kind: 'pace', first, turns, perTurn: this.perTurn, everyMs })
  }

  #readEnd(run: Run): void {
    if (this.#ledger.outstanding > 0) return
    if (run.open && this.#pacing.kind === 'closed') this.#next()
    else run.finish()
  }

  #next(): void {
    this.#sender.order({ kind: 'say', first: this.#enter(this.perTurn), count: this.perTurn })
  }

  /** Enters so many messages into the books, all as of now, and returns the number of the first. */
  #enter(count: number): number {
    const now = performance.now()
    const first = this.#ledger.send(0, now)
    for (let entered = 1; entered < count; entered += 1) this.#ledger.send(0, now)
    return first
  }
}
