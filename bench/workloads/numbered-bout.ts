import type { Connection, Listener } from '../load/connection.ts'
import { closeCrowd, listenAll } from '../load/crowd.ts'
import { FrameTemplate } from '../load/frames.ts'
import type { Ledger } from '../load/ledger.ts'
import { type Content, payloadText } from '../load/sequence.ts'
import { Run } from './run.ts'
import type { Bout, Outcome } from './workload.ts'

/** A way for one lane's messages to go out: who sends them, and the frame they are made from. */
export interface Sender {
  readonly connection: Connection
  readonly lane: number
  readonly template: FrameTemplate
}

/** The driver of a load: begun once a run, told of every good message, asked to send more. */
export interface Driver {
  begin(run: Run): void
  /** A good message of `lane` came to `connection`. */
  received?(connection: Connection, lane: number): void
  /** All frames of one read of `connection` are in the books. */
  readEnd?(connection: Connection, run: Run): void
}

/** A bout of numbered messages: the ledger checks what comes, the driver decides what goes. */
export class NumberedBout implements Bout, Listener {
  readonly #crowd: readonly Connection[]
  readonly #ledger: Ledger
  readonly #driver: Driver
  #run: Run | undefined

  constructor(crowd: readonly Connection[], ledger: Ledger, driver: Driver) {
    this.#crowd = crowd
    this.#ledger = ledger
    this.#driver = driver
    listenAll(crowd, this)
  }

  async run(forMs: number): Promise<Outcome> {
    const run = new Run(forMs)
    const before = this.#bytesRead
    this.#run = run
    this.#driver.begin(run)
    await run.ended
    this.#run = undefined
    this.#ledger.writeOff()
    return { ...this.#ledger.take(), faults: this.#ledger.faults, bytes: this.#bytesRead - before }
  }

  get #bytesRead(): number {
    return this.#crowd.reduce((sum, { bytesRead }) => sum + bytesRead, 0)
  }

  close(): void {
    closeCrowd(this.#crowd)
  }

  frame(connection: Connection, bytes: Buffer, start: number, end: number, now: number): void {
    const lane = this.#ledger.receive(connection, bytes, start, end, now)
    if (lane !== -1) this.#driver.received?.(connection, lane)
  }

  readEnd(connection: Connection): void {
    if (this.#run !== undefined) this.#driver.readEnd?.(connection, this.#run)
  }

  lost(): void {
    this.#ledger.faults.closed += 1
    this.#run?.finish()
  }
}

/** Makes the sender of `lane`: `connection` pushes `event` on `topic`, one of its own. */
export function senderOf(
  connection: Connection,
  lane: number,
  push: Content & { readonly topic: string; readonly event: 'say' | 'echo' },
): Sender {
  const joinRef = connection.joinRef(push.topic)
  const text = connection.dialect.push(push.topic, joinRef, push.event, payloadText(push))
  return { connection, lane, template: new FrameTemplate(text) }
}

/** Sends the next `count` messages of the sender's lane in one write. */
export function sendMessages({ connection, lane, template }: Sender, ledger: Ledger, count: number): void {
  const now = performance.now()
  const frames = Buffer.allocUnsafe(count * template.length)
  let end = 0
  for (let sent = 0; sent < count; sent += 1) end = template.writeTo(frames, end, ledger.send(lane, now))
  connection.write(frames)
}
