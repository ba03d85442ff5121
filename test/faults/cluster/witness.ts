import Fastify, { type FastifyInstance } from 'fastify'
import { beryl, defineChannel } from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import type { NodeConfig } from './node.ts'
import type { Part } from './stage.ts'
import type { User } from './user.ts'

/** A fourth node, without clients, which is there all the time: what was accepted has reached it, or is lost. */
export class Witness {
  /** Users who were gone from all nodes for a moment. */
  flaps = 0
  readonly #app: FastifyInstance
  readonly #received = new Set<string>()
  readonly #rooms = new Set<string>()

  private constructor(app: FastifyInstance, rooms: number) {
    this.#app = app
    for (let n = 0; n < rooms; n++)
      app.channels.subscribe(`room:${n}`, ({ payload }) => {
        this.#rooms.add(`room:${n}`)
        if (isSaid(payload)) this.#received.add(`${payload.user} ${payload.n}`)
      })
    app.presence.onDiff((topic, { leaves }) => {
      for (const key of Object.keys(leaves)) if (app.presence.get(topic, key) === undefined) this.flaps++
    })
  }

  static async start(url: string, rooms: number, { presence }: NodeConfig['beryl']): Promise<Witness> {
    const app = Fastify()
    const room = defineChannel('room:*', { schema: {}, join: () => ({ assigns: {} }) })
    await app.register(beryl, {
      channels: [room],
      pubsub: redis({ url }),
      ...(presence === undefined ? {} : { presence }),
    })
    await app.ready()
    return new Witness(app, rooms)
  }

  /** Rooms from which something came: they are subscribed to. */
  get rooms(): number {
    return this.#rooms.size
  }

  missing(users: readonly User[], from: Part): number {
    return users.reduce((total, user) => {
      const part = user.accepted.filter((n) => n >= (from.get(user) ?? 0))
      return total + part.filter((n) => !this.#received.has(`${user.name} ${n}`)).length
    }, 0)
  }

  async end(): Promise<void> {
    await this.#app.close()
  }
}

function isSaid(payload: unknown): payload is { user: string; n: number } {
  return typeof payload === 'object' && payload !== null && 'user' in payload && 'n' in payload
}
