import type { Clock, Timer } from '../ground/clock.ts'
import type { Lane } from '../replication/lane.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Process } from '../supervision/process.ts'
import type { GroupSet, Segment } from './group-set.ts'
import { type Digest, decodeMessage, encodeMessage, type Message, paginate } from './wire.ts'

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
  readonly exited: Promise<ExitReason>
  readonly #init: GossipInit
  readonly #timer: Timer
  readonly #unlisten: () => void
  #exit: (reason: ExitReason) => void = () => {}
  #running = true
  #quiet = 0
  #silent = 0
  #scheduled: Timer | undefined
  #asked = false

  constructor(init: GossipInit) {
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
    this.#init = init
    this.#unlisten = init.lane.listen((from, bytes) => this.#receive(from, bytes))
    this.#timer = init.clock.setInterval(() => this.#guard(() => this.#tick()), init.periodMs)
    this.#tellDigest(undefined, true)
  }

  /** This node changed its groups: the others are told at the end of the turn. */
  changed(): void {
    if (!this.#running) this.#init.groups.takeChanges()
    else this.#scheduled ??= this.#init.clock.setImmediate(() => this.#guard(() => this.#tell()))
  }

  shutdown(reason: ExitReason): void {
    if (this.#scheduled !== undefined) this.#guard(() => this.#tell())
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

  #receive(from: string, bytes: Uint8Array): void {
    if (!this.#running) return
    // A message that cannot be decoded, or taken, is of another version, foreign or forged: no reason to end.
    try {
      this.#take(from, decodeMessage(bytes))
    } catch (error) {
      this.#init.report({ type: 'message_ignored', node: from, error })
    }
  }

  #take(from: string, message: Message): void {
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
  }

  /** One node a period: when its answer is in, the others mostly have nothing new. */
  #ask(node: string): void {
    if (this.#asked) return
    this.#asked = true
    this.#init.lane.send(node, encodeMessage({ kind: 'request' }))
  }

  #sendSegments(to: string | undefined, segments: Iterable<Segment>): void {
    for (const page of paginate(segments)) this.#send(to, { kind: 'segments', segments: page })
  }

  #tellDigest(to: string | undefined, greeting: boolean): void {
    if (to === undefined) {
      this.#quiet = 0
      this.#silent = 0
    }
    const [known, holding] = this.#init.groups.digest()
    this.#send(to, { kind: 'digest', greeting, known, holding })
  }

  #send(to: string | undefined, message: Message): void {
    const bytes = encodeMessage(message)
    if (to === undefined) this.#init.lane.publish(bytes)
    else this.#init.lane.send(to, bytes)
  }

  /** An error in here is a fault of ours: the process ends with it and its supervisor starts another. */
  #guard(work: () => void): void {
    if (!this.#running) return
    try {
      work()
    } catch (error) {
      this.#stop({ error })
    }
  }

  #stop(reason: ExitReason): void {
    if (!this.#running) return
    this.#running = false
    this.#timer.cancel()
    this.#scheduled?.cancel()
    this.#unlisten()
    this.#exit(reason)
  }
}
