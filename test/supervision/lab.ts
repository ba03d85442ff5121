import {
  type ChildInit,
  type ChildPolicy,
  type ExitReason,
  type Process,
  type StartContext,
  type Supervisor,
  type SupervisorEvent,
  type SupervisorOptions,
  startSupervisor,
} from '../../src/supervision/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'

/** The answer of a probe that is asked to end. */
export type Manner = 'obeys' | 'ignores' | { readonly error: string }

export interface ProbeOptions extends Partial<ChildPolicy> {
  readonly manner?: Manner
  /** The outcome of the n-th start (1 first); the rest succeed. */
  readonly starts?: Readonly<Record<number, 'fails' | 'ignores' | 'hangs'>>
}

/** A child whose every step is written down: `+a` started, `-a` asked to end, `~a` ended so, `!a` ended by itself. */
export class Probe implements Process {
  readonly exited: Promise<ExitReason>
  readonly incarnation: number
  readonly signal: AbortSignal
  readonly #lab: Lab
  readonly #id: string
  readonly #manner: Manner
  #over = false
  #resolve: (reason: ExitReason) => void = () => {}

  constructor(lab: Lab, id: string, manner: Manner, context: StartContext) {
    this.#lab = lab
    this.#id = id
    this.#manner = manner
    this.incarnation = context.incarnation
    this.signal = context.signal
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get isOver(): boolean {
    return this.#over
  }

  shutdown(reason: ExitReason): void {
    if (this.#over) return
    this.#lab.journal.push(`-${this.#id}`)
    if (this.#manner === 'obeys') this.end(reason, '~')
    else if (this.#manner !== 'ignores') this.end(this.#manner, '~')
  }

  kill(): void {
    this.end('killed', 'x')
  }

  /** Ends by itself; with another mark, as somebody's doing. */
  end(reason: ExitReason, mark = '!'): void {
    if (this.#over) return
    this.#over = true
    this.#lab.journal.push(`${mark}${this.#id}`)
    this.#resolve(reason)
  }
}

/** Children that write down what happens to them, under a clock that stands still. */
export class Lab {
  readonly clock: FakeClock = fakeClock(Date.UTC(2026, 0, 1))
  readonly journal: string[] = []
  readonly events: SupervisorEvent[] = []
  /** The same events, each with its time. */
  readonly timed: { readonly event: SupervisorEvent; readonly at: number }[] = []
  readonly #probes = new Map<string, Probe>()
  readonly #starts = new Map<string, number>()
  readonly #gates = new Map<string, () => void>()

  /** A child that starts at once. */
  child<const I extends string>(
    id: I,
    { manner = 'obeys', starts = {}, ...policy }: ProbeOptions = {},
  ): ChildInit<Probe | 'ignore', I> {
    return { ...policy, id, start: (context) => this.#start(id, manner, starts, context) }
  }

  /** A child whose start waits for `open(id)`. */
  gated<const I extends string>(
    id: I,
    { manner = 'obeys', starts = {}, ...policy }: ProbeOptions = {},
  ): ChildInit<Probe | 'ignore', I> {
    const start = async (context: StartContext): Promise<Probe | 'ignore'> => {
      this.journal.push(`…${id}`)
      await new Promise<void>((resolve) => this.#gates.set(id, resolve))
      return this.#start(id, manner, starts, context)
    }
    return { ...policy, id, start }
  }

  open(id: string): void {
    this.#gates.get(id)?.()
  }

  /** Starts a supervisor over this clock that reports here. */
  supervise<const C extends readonly ChildInit[]>(options: SupervisorOptions<C>): Promise<Supervisor<C>> {
    const report = (event: SupervisorEvent): void => {
      this.events.push(event)
      this.timed.push({ event, at: this.clock.now() })
    }
    return startSupervisor({ clock: this.clock, report, ...options })
  }

  probe(id: string): Probe {
    const probe = this.#probes.get(id)
    if (probe === undefined) throw new Error(`no probe ${id} was started`)
    return probe
  }

  /** The number of calls of a child's `start`. */
  startsOf(id: string): number {
    return this.#starts.get(id) ?? 0
  }

  /** Ends a child by itself and lets its supervisor deal with it. */
  async exit(id: string, reason: ExitReason = { error: new Error(`${id} crashed`) }): Promise<void> {
    this.probe(id).end(reason)
    await this.clock.settle()
  }

  /** The entries since the last look. */
  since(): string {
    return this.journal.splice(0).join(' ')
  }

  /** The types of the events since the last look. */
  told(): string[] {
    return this.events.splice(0).map(({ type }) => type)
  }

  #start(
    id: string,
    manner: Manner,
    starts: Readonly<Record<number, string>>,
    context: StartContext,
  ): Probe | 'ignore' {
    const nth = this.startsOf(id) + 1
    this.#starts.set(id, nth)
    if (starts[nth] === 'fails') {
      this.journal.push(`?${id}`)
      throw new Error(`${id} does not start`)
    }
    this.journal.push(`+${id}`)
    if (starts[nth] === 'ignores') return 'ignore'
    const probe = new Probe(this, id, manner, context)
    this.#probes.set(id, probe)
    return probe
  }
}
