import Fastify, { type FastifyBaseLogger } from 'fastify'
import type { Dice } from '../fuzz/dice.ts'

/** The logger of an application, which fails at any line of the library. Requests and callbacks have a good one. */
export class HostileLogger {
  /** From when on it fails: what Fastify writes while it starts is Fastify's. */
  isArmed = false
  readonly #dice: Dice
  readonly #failed: (how: string) => void

  /** @param failed told of each line at which it has failed */
  constructor(dice: Dice, failed: (how: string) => void) {
    this.#dice = dice
    this.#failed = failed
  }

  /** As Fastify takes it. */
  get instance(): FastifyBaseLogger {
    const write = (): unknown => this.#write()
    const logger = { level: 'debug', silent() {}, child: () => (this.isArmed ? good : logger) }
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
      Object.assign(logger, { [level]: write })
    return logger as unknown as FastifyBaseLogger
  }

  #write(): unknown {
    if (!this.isArmed || !this.#dice.oneIn(3)) return undefined
    const how = HOW[this.#dice.below(HOW.length)] ?? 'throws'
    this.#failed(how)
    if (how === 'rejects') return Promise.reject(new Error('a logger'))
    if (how === 'never settles') return new Promise(() => {})
    throw how === 'throws' ? new Error('a logger') : undefined
  }
}

const HOW = ['throws', 'throws nothing', 'rejects', 'never settles']

const good = Fastify().log
