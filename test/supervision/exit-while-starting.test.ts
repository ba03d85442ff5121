import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ExitReason, type Process, startSupervisor } from '../../src/supervision/index.ts'

/** A process that ends when it is told to, and remembers for what. */
class Obedient implements Process {
  readonly exited: Promise<ExitReason>
  told: ExitReason | undefined
  #exit: (reason: ExitReason) => void = () => {}

  constructor() {
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
  }

  shutdown(reason: ExitReason): void {
    this.told = reason
    this.#exit(reason)
  }

  kill(): void {
    this.#exit('killed')
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

for (const reason of ['shutdown', { error: new Error('a signal') }] as const)
  test(`S96 a child that is told to end (${typeof reason}) while it starts again ends when it has started, and is started anew`, async (t) => {
    const made: Obedient[] = []
    const gates: (() => void)[] = []
    const tree = await startSupervisor({
      children: [
        {
          id: 'slow',
          async start() {
            // The first start is at once, for the supervisor waits for it.
            if (made.length > 0) await new Promise<void>((resolve) => gates.push(resolve))
            const process = new Obedient()
            made.push(process)
            return process
          },
        },
      ],
    })
    t.after(() => tree.stop())
    tree.exitChild('slow')
    await settled()
    tree.exitChild('slow', reason)
    gates[0]?.()
    await settled()
    assert.deepEqual(made[1]?.told, reason, 'it was told')
    await settled()
    gates[1]?.()
    await settled()
    assert.equal(tree.which('slow'), made[2])
    assert.equal(made[2]?.told, undefined)
  })
