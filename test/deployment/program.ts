import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

/** The end of a process: by itself, or by a signal that it did not handle. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ProgramOptions {
  readonly cwd?: string
  /** The signal that ends it after the test. A program with processes of its own needs one that it hears. @default SIGKILL */
  readonly end?: NodeJS.Signals
  readonly env?: NodeJS.ProcessEnv
}

/** A process that a test started: what it prints, how it ends. It does not outlive the test. */
export class Program {
  readonly exited: Promise<Ending>
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #listeners = new Set<() => void>()

  constructor(
    t: TestContext,
    command: readonly string[],
    { cwd, env, end = 'SIGKILL' }: ProgramOptions = {},
  ) {
    const [file = '', ...args] = command
    this.#child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#print(`exited: ${code ?? signal}`)
      return { code, signal }
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', (line) => this.#print(line))
    }
    t.after(async () => {
      this.#child.kill(end)
      await this.exited
    })
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get output(): string {
    return this.#lines.join('\n')
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** The match of a pattern in the output, past or to come: of the `nth` line that it matches. */
  async line(pattern: RegExp, nth = 1): Promise<RegExpExecArray> {
    for (;;) {
      const found = this.#lines.map((line) => pattern.exec(line)).filter((match) => match !== null)[nth - 1]
      if (found !== undefined) return found
      if (!this.isRunning) throw new Error(`ended without a line like ${pattern}:\n${this.output}`)
      await new Promise<void>((resolve) => this.#listeners.add(resolve))
    }
  }

  #print(line: string): void {
    this.#lines.push(line)
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }
}
