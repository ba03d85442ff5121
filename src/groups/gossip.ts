import type { Clock, Timer } from '../ground/clock.ts'
import type { Lane } from '../replication/lane.ts'
import { Replicated } from '../replication/replicated.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Process } from '../supervision/process.ts'
import type { GroupSet, Segment } from './group-set.ts'
import { type Digest, decodeMessage, encodeMessage, type GroupMessage, paginate } from './messages.ts'

/** The event of groups: bytes came that are no message of this version. */
export interface GroupsEvent {
  readonly type: 'message_ignored'
  readonly node: string
  readonly error: unknown
}

export interface GossipInit {
  readonly lane: Lane
  readonly clock: Clock
  readonly groups: GroupSet
  readonly report: (event: GroupsEvent) => void
  readonly periodMs: number
}

/**
 * Periods without a change after which a node tells what it has: while changes fly, everybody differs a little. Where
 * they never cease it is told after so many periods nevertheless.
 */
const QUIET_PERIODS = 3
const LONGEST_SILENCE_PERIODS = 10

/**
 * The process that keeps the groups of all nodes equal: it tells its node's changes at the end of the turn, and in quiet
 * times compares what it has with the others.
 */
export class GroupGossip implements Process {
  readonly #process: Replicated<GroupMessage>
  readonly #init: GossipInit
  #quiet = 0
  #silent = 0
  #scheduled: Timer | undefined
  #asked = false

  constructor(init: GossipInit) {
    this.#init = init
    this.#process = new Replicated({
      lane: init.lane,
      clock: init.clock,
      periodMs: init.periodMs,
      encode: encodeMessage,
      take: (from, bytes) => this.#take(from, decodeMessage(bytes)),
      ignored: (node, error) => init.report({ type: 'message_ignored', node, error }),
      tick: () => this.#tick(),
    })
    this.#tellDigest(undefined, true)
  }

  get exited(): Promise<ExitReason> {
    return this.#process.exited
  }

  /** This node changed its groups: the others are told at the end of the turn. */
  changed(): void {
    if (!this.#process.isRunning) this.#init.groups.takeChanges()
    else this.#scheduled ??= this.#init.clock.setImmediate(() => this.#process.guard(() => this.#tell()))
  }

  shutdown(reason: ExitReason): void {
    if (this.#scheduled !== undefined) this.#process.guard(() => this.#tell())
    this.#stop(reason)
  }

  kill(): void {
    this.#stop('killed')
  }

  #tell(): void {
    this.#scheduled = undefined
    this.#quiet = 0
    this.#sendSegments(undefined, this.#init.groups.takeChanges())
  }

  #tick(): void {
    this.#asked = false
    this.#quiet++
    this.#silent++
    if (this.#quiet >= QUIET_PERIODS || this.#silent >= LONGEST_SILENCE_PERIODS)
      this.#tellDigest(undefined, false)
  }

  #take(from: string, message: GroupMessage): void {
    switch (message.kind) {
      case 'digest':
        this.#compare(from, message)
        break
      case 'request':
        this.#sendSegments(from, this.#init.groups.segments())
        break
      case 'segments':
        this.#merge(from, message.segments)
        break
      default:
        message satisfies never
    }
  }

  #compare(from: string, theirs: Digest): void {
    const [known, holding] = this.#init.groups.digest()
    if (theirs.known !== known || theirs.holding !== holding) this.#ask(from)
    if (theirs.greeting) this.#tellDigest(from, false)
  }

  #merge(from: string, segments: readonly Segment[]): void {
    this.#quiet = 0
    let complete = true
    for (const segment of segments) complete = this.#init.groups.merge(segment) && complete
    if (!complete) this.#ask(from)
    if (this.#init.groups.hasChanges) this.changed()
  }

  /** One node a period: when its answer is in, the others mostly have nothing new. */
  #ask(node: string): void {
    if (this.#asked) return
    this.#asked = true
    this.#process.send(node, { kind: 'request' })
  }

  #sendSegments(to: string | undefined, segments: Iterable<Segment>): void {
    for (const page of paginate(segments)) this.#process.send(to, { kind: 'segments', segments: page })
  }

  #tellDigest(to: string | undefined, greeting: boolean): void {
    if (to === undefined) {
      this.#quiet = 0
      this.#silent = 0
    }
    const [known, holding] = this.#init.groups.digest()
    this.#process.send(to, { kind: 'digest', greeting, known, holding })
  }

  #stop(reason: ExitReason): void {
    this.#scheduled?.cancel()
    this.#process.stop(reason)
  }
}
