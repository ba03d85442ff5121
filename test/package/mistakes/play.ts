import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { defineChannel, fail, mount, reject } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { startSupervisor, supervisor, worker } from 'fastify-beryl/supervision'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// Plays a mistake as its row of the table has it: in plain JavaScript, where no compiler stands before it.

const Body = Type.Object({ body: Type.String() })
const name = Type.String()

/** A channel without a mistake, and the parts of one to make mistakes with. */
const room = defineChannel('room:*', {
  schema: {
    in: { say: { payload: Body, reply: Type.Object({ id: name }) } },
    out: { said: Body },
    presence: Type.Object({ name }),
  },
  join: () => ({ assigns: {} }),
  in: { say: () => ({ id: 'an id' }) },
})
const join = (): object => ({ assigns: {} })

const given = {
  beryl,
  mount,
  berylMetrics,
  defineChannel,
  fail,
  reject,
  startSupervisor,
  supervisor,
  worker,
  connect,
  Type,
  Body,
  room,
  join,
}

/** Lets a client join the channel, say something, and hear what becomes of it. */
const entering = (app: FastifyInstance) => async (channel: typeof room) => {
  await app.register(beryl, { channels: [channel] })
  const client = await connect(app)
  const joined = await client.join(channel.pattern as never).catch(() => undefined)
  if (channel.schema.in !== undefined) joined?.push('say', { body: 'hi' })
  await client.settle()
}

const RUNNING = 'await app.register(beryl, { channels: [room] }); await app.ready();'

type Play = (app: FastifyInstance, ...given: readonly unknown[]) => Promise<unknown>

const AsyncFunction = (async () => {}).constructor as new (...source: string[]) => Play

/** The message to whoever made the mistake: the error that was thrown, else the last line of the log. */
export async function play(code: string): Promise<string> {
  const lines: string[] = []
  const source = code.replace(/^…/, RUNNING)
  const app = Fastify({ logger: { level: 'info', stream: { write: (line) => lines.push(line) } } })
  try {
    await new AsyncFunction('app', 'enter', ...Object.keys(given), source)(
      app,
      entering(app),
      ...Object.values(given),
    )
    return logged(lines)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await app.close().catch(() => {})
  }
}

interface Line {
  readonly msg: string
  readonly err?: { readonly message: string }
  readonly reason?: string
  readonly wanted?: string
  readonly got?: string
  readonly origin?: string
  readonly host?: string
}

/** The message of the log's last line. */
function logged(lines: readonly string[]): string {
  const all = lines.map((line): Line => JSON.parse(line))
  const last = all.filter(({ err, reason }) => err !== undefined || reason !== undefined).at(-1)
  if (last === undefined) return 'nothing'
  const { msg, err, reason, wanted, ...came } = last
  if (msg === err?.message) return msg
  const fields = { wanted, got: came.got, origin: came.origin, host: came.host }
  const about = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : `, ${name} ${value}`,
  )
  return `${msg}: ${err?.message ?? reason}${about.join('')}`
}
