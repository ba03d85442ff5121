import type { ResumeOutcome } from '../ground/telemetry.ts'
import type { LogPosition } from '../pubsub/log.ts'
import type { DeclaredHistory } from './declared.ts'
import type { Histories } from './histories.ts'
import type { Tail } from './tail.ts'
import { type ClientEpoch, CONNECTIONS, readEpoch, writeEpoch } from './token.ts'

/** A wish for positions. */
export interface Claim {
  /** The position that the client has, as it says. */
  readonly since: LogPosition | undefined
}

/** A join that asks for positions. */
export interface Asker {
  readonly topic: string
  readonly connectionId: string
  readonly declared: DeclaredHistory
  readonly claim: Claim
  /** False where the client is to begin anew, whatever it had. */
  readonly mayResume: boolean
}

/** The place from which a client is told of a topic. */
export class Resumption {
  readonly tail: Tail
  /** The last entry that this node had passed on when it was decided. */
  readonly offset: number
  /** `undefined` where the client had no position. */
  readonly outcome: ResumeOutcome | undefined
  /** The client has all up to here. */
  readonly since: number
  readonly #topic: string
  readonly #floor: number
  readonly #connections: readonly string[]

  constructor({ topic, connectionId, claim, mayResume }: Asker, tail: Tail) {
    const { since } = claim
    const given = since && readEpoch(since.epoch, topic, tail.key)
    this.#topic = topic
    this.tail = tail
    this.offset = tail.passed
    this.outcome = since && (mayResume ? outcomeOf(since.offset, given, tail) : 'refused')
    const good = this.recovered ? given : undefined
    this.since = good === undefined ? this.offset : (since?.offset ?? this.offset)
    this.#floor = good?.floor ?? this.offset
    this.#connections = [connectionId, ...(good?.connections ?? [])].slice(0, CONNECTIONS)
  }

  get recovered(): boolean {
    return this.outcome === 'recovered'
  }

  /** The epoch as this client has it: another one where the tail has another. */
  get epoch(): string {
    const { tail } = this
    const mine: ClientEpoch = {
      epoch: tail.position?.epoch ?? '',
      floor: this.#floor,
      connections: this.#connections,
    }
    return writeEpoch(mine, this.#topic, tail.key)
  }

  /** True where an entry passes this client by. */
  isExcluded(connectionId: string | undefined): boolean {
    return connectionId !== undefined && this.#connections.includes(connectionId)
  }
}

/** Finds the place. Gives a promise where the log has to be read; it rejects where that is not possible. */
export function resume(histories: Histories, asker: Asker): Resumption | Promise<Resumption> {
  const { topic, declared, claim } = asker
  const tail = histories.tail(topic, declared)
  const decide = (): Resumption => decided(histories, asker, tail)
  const fail = (error: unknown): never => {
    report(histories, asker, 'unavailable', 0)
    throw error
  }
  try {
    const pending = locate(tail, claim.since, topic)
    return pending === undefined ? decide() : pending.then(decide, fail)
  } catch (error) {
    return fail(error)
  }
}

/** A claim that nobody gave costs no read. */
function locate(tail: Tail, since: LogPosition | undefined, topic: string): undefined | Promise<void> {
  if (since === undefined || tail.position === undefined) return tail.locate(since?.offset)
  return readEpoch(since.epoch, topic, tail.key) === undefined ? undefined : tail.locate(since.offset)
}

function decided(histories: Histories, asker: Asker, tail: Tail): Resumption {
  const resumption = new Resumption(asker, tail)
  const { outcome, offset, since } = resumption
  // Of a client that went while the log was read, nobody knows: the tail has ended before it knew its position.
  if (outcome !== undefined && tail.position !== undefined) report(histories, asker, outcome, offset - since)
  return resumption
}

/** A client that had no position has not come back. */
function report(
  { telemetry }: Histories,
  { topic, connectionId, claim }: Asker,
  outcome: ResumeOutcome,
  entries: number,
): void {
  if (claim.since !== undefined)
    telemetry.emit('history.resumed', { entries }, { connectionId, topic, outcome })
}

function outcomeOf(offset: number, given: ClientEpoch | undefined, tail: Tail): ResumeOutcome {
  if (given === undefined) return 'not_ours'
  if (!tail.isGood({ epoch: given.epoch, offset })) return 'epoch_over'
  if (offset < given.floor) return 'below_floor'
  if (offset > tail.passed) return 'ahead'
  return offset < tail.base ? 'trimmed' : 'recovered'
}
