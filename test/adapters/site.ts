import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from '../support/until.ts'

const file = fileURLToPath(new URL('cluster-main.ts', import.meta.url))

/** A primary with its workers, as a process of its own. */
export class Site {
  readonly port: number
  readonly child: ChildProcess
  readonly lines: string[] = []
  readonly ended: Promise<unknown[]>

  constructor(port: number, env: NodeJS.ProcessEnv) {
    this.port = port
    this.child = spawn(process.execPath, ['--import', 'tsx', file], {
      env: { ...process.env, PORT: String(port), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.ended = once(this.child, 'exit')
    const { stdout } = this.child
    if (stdout !== null) createInterface(stdout).on('line', (line) => this.lines.push(line))
  }

  says(start: string): Promise<void> {
    return until(`it says ${start}`, () => this.lines.some((line) => line.startsWith(start)))
  }
}
