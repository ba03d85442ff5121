import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { berylError } from '../ground/errors.ts'
import { jsonParse, type PoisoningOptions } from '../protocol/json.ts'
import type { JsonParse } from '../protocol/message.ts'

/**
 * The Fastify instance that an endpoint serves. A tree that is embedded in another may run before it is known; no client
 * is let in before that.
 */
export class FastifyHost {
  #app: FastifyInstance | undefined
  #parse: JsonParse = jsonParse({ onProtoPoisoning: 'error', onConstructorPoisoning: 'error' })

  attach(app: FastifyInstance): void {
    const { onProtoPoisoning = 'error', onConstructorPoisoning = 'error' } =
      app.initialConfig as Partial<PoisoningOptions>
    this.#app = app
    this.#parse = jsonParse({ onProtoPoisoning, onConstructorPoisoning })
  }

  get isAttached(): boolean {
    return this.#app !== undefined
  }

  get server(): FastifyInstance {
    if (this.#app === undefined) throw berylError('BERYL_ERR_NOT_RUNNING', 'not registered with Fastify')
    return this.#app
  }

  get log(): FastifyBaseLogger {
    return this.server.log
  }

  /** Reads JSON as the instance's own options `onProtoPoisoning` and `onConstructorPoisoning` say. */
  get parse(): JsonParse {
    return this.#parse
  }
}
