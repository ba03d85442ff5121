import { Site as Primary } from '../../adapters/site.ts'
import { freePort } from '../../support/broker.ts'
import type { Follower } from './follower.ts'
import type { Truth } from './ledger.ts'
import type { Site } from './stage.ts'

const COUNT = '3'

/** Workers of `cluster()` behind one port, whose primary keeps the logs. */
export class WorkersSite implements Site {
  readonly port: number
  primary: Primary

  private constructor(port: number) {
    this.port = port
    this.primary = new Primary(port, { COUNT })
  }

  static async start(): Promise<WorkersSite> {
    const site = new WorkersSite(await freePort())
    await site.primary.says('pid')
    return site
  }

  ports(): readonly number[] {
    return [this.port]
  }

  /** kill -9 of the primary; another takes its place when the port is free. */
  async restart(): Promise<void> {
    this.primary.child.kill('SIGKILL')
    await this.primary.ended
    this.primary = new Primary(this.port, { COUNT })
    await this.primary.says('pid')
  }

  /** Another worker in the place of each, one after the other. */
  async roll(): Promise<void> {
    const times = this.primary.lines.filter((line) => line === 'rolled').length
    this.primary.child.kill('SIGHUP')
    await this.primary.says('rolled', times + 1)
  }

  async truth(_topic: string, asker: Follower): Promise<Truth> {
    const { epoch, offset, texts } = await asker.look()
    return { epoch, offset, previous: [], entries: texts.map((text) => JSON.parse(text)) }
  }

  /** A worker with an error that nobody caught ends, and is forked again: that is none of these. */
  async uncaught(): Promise<readonly string[]> {
    return this.primary.lines.filter((line) => line.startsWith('ended'))
  }

  async end(): Promise<void> {
    this.primary.child.kill('SIGKILL')
    await this.primary.ended
  }
}
