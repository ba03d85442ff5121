/**
 * The price of supervision: memory per supervised child, time per synchronous message through a mailbox and through an
 * actor's ref, and how starting and stopping grows with the number of children.
 *
 * Run it with `npm run bench:supervision`.
 */
import {
  Actor,
  cast,
  type ExitReason,
  type Process,
  type StartContext,
  startDynamicSupervisor,
} from '../src/supervision/index.ts'
import { Mailbox } from '../src/supervision/mailbox.ts'

/** The smallest process there can be: what it takes is the child itself, what comes on top is supervision. */
class Idle implements Process {
  readonly exited: Promise<ExitReason>
  #end: (reason: ExitReason) => void = () => {}

  constructor() {
    this.exited = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  shutdown(reason: ExitReason): void {
    this.#end(reason)
  }

  kill(): void {
    this.#end('killed')
  }
}

class Counter extends Actor {
  #count = 0

  increment(): number {
    this.#count += 1
    return this.#count
  }
}

class Sink {
  total = 0

  receive(amount: number): void {
    this.total += amount
  }

  crashed(error: unknown): void {
    throw error
  }
}

const startIdle = (_context: StartContext): Idle => new Idle()
const ROUNDS = 5

function heapBytes(): number {
  for (let pass = 0; pass < 3; pass++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

async function bytesPerChild(count: number): Promise<{ bare: number; supervised: number }> {
  const empty = heapBytes()
  const bare = Array.from({ length: count }, () => new Idle())
  const afterBare = heapBytes()
  const pool = await startDynamicSupervisor({ child: { start: startIdle, restart: 'temporary' } })
  for (let started = 0; started < count; started++) await pool.startChild()
  const afterPool = heapBytes()
  const result = { bare: (afterBare - empty) / bare.length, supervised: (afterPool - afterBare) / count }
  await pool.stop()
  return result
}

async function startAndStopMs(count: number): Promise<number> {
  const pool = await startDynamicSupervisor({ child: { start: startIdle } })
  const before = performance.now()
  for (let started = 0; started < count; started++) await pool.startChild()
  await pool.stop()
  return performance.now() - before
}

function nanosPerMessage(push: (amount: number) => void): number {
  const messages = 2_000_000
  const before = performance.now()
  for (let sent = 0; sent < messages; sent++) push(sent & 1)
  return ((performance.now() - before) * 1e6) / messages
}

async function nanosPerCall(): Promise<{ call: number; cast: number; promise: number }> {
  const pool = await startDynamicSupervisor({ child: Counter })
  const counter = await pool.startChild()
  const counterCasts = cast(counter)
  const calls = 200_000
  const time = async (run: () => unknown): Promise<number> => {
    const before = performance.now()
    for (let sent = 0; sent < calls; sent++) await run()
    return ((performance.now() - before) * 1e6) / calls
  }
  const bare = new Sink()
  const promise = await time(() => new Promise<void>((resolve) => resolve(bare.receive(1))))
  const call = await time(() => counter.increment())
  const result = { call, promise, cast: nanosPerMessage(() => counterCasts.increment()) }
  await pool.stop()
  return result
}

function print(label: string, value: number, unit: string): void {
  console.log(`${label.padEnd(64)}${value.toFixed(1).padStart(10)} ${unit}`)
}

const memory = await bytesPerChild(10_000)
print('a process that does nothing, bare', memory.bare, 'B')
print('the same as a child of a dynamic supervisor: supervision adds', memory.supervised - memory.bare, 'B')

const direct: number[] = []
const mailbox: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  const sink = new Sink()
  const box = new Mailbox<number>(sink)
  direct.push(nanosPerMessage((amount) => sink.receive(amount)))
  mailbox.push(nanosPerMessage((amount) => box.push(amount)))
}
print('a direct call', median(direct), 'ns')
print('the same through a mailbox', median(mailbox), 'ns')

const calls = await nanosPerCall()
print('awaiting a promise of a direct call', calls.promise, 'ns')
print('awaiting a call of an ActorRef, synchronous method', calls.call, 'ns')
print('a cast to an ActorRef, synchronous method', calls.cast, 'ns')

const counts = [1_000, 10_000, 100_000]
const times = counts.map((): number[] => [])
for (let round = 0; round < ROUNDS; round++)
  for (const [index, count] of counts.entries()) times[index]?.push(await startAndStopMs(count))
for (const [index, count] of counts.entries())
  print(`start and stop ${count.toLocaleString('en')} children`, median(times[index] ?? []), 'ms')
