import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { FromNode, ToNode } from './standing-node.ts'

// Two nodes in processes of their own, one of which stands still for longer than a node may be silent.

const NODE = fileURLToPath(new URL('standing-node.ts', import.meta.url))

type Status = Extract<FromNode, { events: unknown }>

class RemoteNode {
  readonly #child: ChildProcess
  #answer: (status: Status) => void = () => {}
  other: RemoteNode | undefined

  constructor(t: TestContext, name: string) {
    this.#child = fork(NODE, [name], { execArgv: ['--no-warnings', '--import', 'tsx'] })
    t.after(() => this.#child.kill('SIGKILL'))
    this.#child.on('message', (message: FromNode) => {
      if ('events' in message) this.#answer(message)
      else this.other?.tell(message)
    })
  }

  tell(message: ToNode): void {
    this.#child.send(message)
  }

  status(): Promise<Status> {
    return new Promise((resolve) => {
      this.#answer = resolve
      this.tell('status')
    })
  }

  async until(isSo: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const status = await this.status()
      if (isSo(status)) return status
    }
  }
}

test('N18 P14 a node whose loop stood still declares nobody down; the others see it again', {
  timeout: 60_000,
}, async (t) => {
  const [awake, still] = [new RemoteNode(t, 'awake'), new RemoteNode(t, 'still')]
  awake.other = still
  still.other = awake
  const isWhole = ({ keys, members }: Status): boolean => keys.length === 2 && members.length === 2
  await Promise.all([awake.until(isWhole), still.until(isWhole)])
  still.tell({ blockMs: 4_000 })
  // Nothing is heard of it, so it is down: the presences that it had are hidden.
  await awake.until(({ keys }) => keys.join() === 'awake')
  const { events, keys, members } = await still.status()
  assert.deepEqual(
    [keys, members],
    [
      ['awake', 'still'],
      ['awake', 'still'],
    ],
  )
  assert.ok(events.includes('lagged'), 'it has noticed')
  assert.ok(!events.includes('peer_down'), 'who was awake all the time was not down')
  await awake.until(isWhole)
  assert.ok(!(await still.status()).events.includes('peer_down'))
})
