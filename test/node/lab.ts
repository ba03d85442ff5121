import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions } from 'fastify-beryl'

/** One line of the log, parsed. */
export type LogLine = Record<string, unknown> & {
  readonly level: number
  readonly msg: string
  readonly err?: { readonly message: string; readonly stack: string }
}

export interface Served {
  readonly app: FastifyInstance
  /** Every line that was logged. */
  readonly log: LogLine[]
}

/** An application with the plugin, closed when the test ends. */
export async function serve(t: TestContext, options: BerylOptions = {}): Promise<Served> {
  const log: LogLine[] = []
  const stream = { write: (line: string) => void log.push(JSON.parse(line)) }
  const app = Fastify({ logger: { level: 'debug', stream } })
  t.after(() => app.close())
  await app.register(beryl, options)
  return { app, log }
}

/** A promise and what settles it: what a test holds a handler with. */
export interface Held<T = void> {
  readonly promise: Promise<T>
  release(value: T): void
  fail(error: unknown): void
}

export function hold<T = void>(): Held<T> {
  let release: (value: T) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<T>((resolve, reject) => {
    release = resolve
    fail = reject
  })
  return { promise, release, fail }
}

/** The first line with this message. */
export function logged(log: readonly LogLine[], message: string): LogLine {
  const line = log.find(({ msg }) => msg === message)
  if (line === undefined) throw new Error(`nothing was logged as "${message}"`)
  return line
}
