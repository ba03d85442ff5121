import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('cluster-main.ts', import.meta.url))

/** A primary with its workers, as a process of its own. */
export class Site {
  readonly port: number
  readonly child: ChildProcess
  readonly lines: string[] = []
  readonly ended: Promise<unknown[]>
  readonly #output: Interface
  #isOver = false

  constructor(port: number, env: NodeJS.ProcessEnv) {
    this.port = port
    this.child = spawn(process.execPath, ['--import', 'tsx', file], {
      env: { ...process.env, PORT: String(port), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.ended = once(this.child, 'exit')
    this.#output = createInterface(this.child.stdout as Readable)
    this.#output.on('line', (line) => this.lines.push(line))
    this.#output.on('close', () => {
      this.#isOver = true
    })
  }

  /** Resolves when it has said so, so many times. Rejects where it ends before that. */
  async says(start: string, times = 1): Promise<void> {
    const hasSaid = (): boolean => this.lines.filter((line) => line.startsWith(start)).length >= times
    while (!hasSaid()) {
      if (this.#isOver) throw new Error(`it ended, and did not say ${start}: ${this.lines.join('; ')}`)
      await Promise.race([once(this.#output, 'line'), once(this.#output, 'close')])
    }
  }
}
