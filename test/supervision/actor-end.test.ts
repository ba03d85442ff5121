import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Actor, type ExitReason, monitor, startSupervisor } from '../../src/supervision/index.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

// An actor that ends by one way while something else of it is under way: a handler, a promised reply, another end.

const EXITED = { code: 'BERYL_ERR_EXITED' }

class Leaver extends Actor {
  static terminated: ExitReason[] = []

  override async terminate(reason: ExitReason): Promise<void> {
    Leaver.terminated.push(reason)
    await new Promise((resolve) => setImmediate(resolve))
  }

  stopsAndPromises(reply: Promise<string>) {
    this.context.stop()
    return this.context.later(reply)
  }

  async promisesLate(gate: Promise<void>, reply: Promise<string>) {
    await gate
    return this.context.later(reply)
  }

  forgets(reply: Promise<string>): string {
    this.context.later(reply)
    return 'answered'
  }

  async stopsAndCrashesBeside(gate: Promise<void>): Promise<string> {
    this.context.stop()
    this.context.spawn(Promise.reject(new Error('beside')))
    await gate
    return 'done'
  }
}

/** One actor, and what nobody caught. The tree is stopped when the test ends. */
async function leaver(t: TestContext) {
  const clock = fakeClock()
  const tree = await startSupervisor({ clock, intensity: 100, children: [Leaver.spec({ id: 'a' })] })
  t.after(() => tree.stop())
  const ref = tree.which('a')
  assert.ok(ref)
  return { tree, ref, settle: () => clock.settle() }
}

const failing = (): Promise<string> => Promise.reject(new Error('promised'))

test('a reply that was promised by an actor which stops is refused, and never handed out as the promise of it', async (t) => {
  const { ref } = await leaver(t)
  await assert.rejects(ref.stopsAndPromises(new Promise(() => {})), EXITED)
})

test('a promised reply that rejects is heard wherever it was made: by one who stops, has ended, or forgets it', async (t) => {
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))

  const stopping = await leaver(t)
  await assert.rejects(stopping.ref.stopsAndPromises(failing()), EXITED)

  const ended = await leaver(t)
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const call = ended.ref.promisesLate(gate, new Promise((_, reject) => gate.then(() => setImmediate(reject))))
  ended.tree.exitChild('a')
  await assert.rejects(call, EXITED)
  open()

  const forgetful = await leaver(t)
  assert.equal(await forgetful.ref.forgets(failing()), 'answered')
  await forgetful.settle()
  assert.notEqual(forgetful.tree.which('a'), forgetful.ref, 'it crashed by what it forgot')

  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(uncaught, [])
})

test('terminate is called once where an actor that stops crashes before its handler is done', async (t) => {
  const { ref, tree, settle } = await leaver(t)
  Leaver.terminated = []
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const call = ref.stopsAndCrashesBeside(gate).catch(() => {})
  open()
  await call
  await new Promise((resolve) => setTimeout(resolve, 20))
  await settle()
  assert.equal(Leaver.terminated.length, 1)
  assert.equal(tree.state, 'running')
})

test('who monitors an actor again while it is told of the end hears noproc later, and holds up nobody', async (t) => {
  const { ref, tree, settle } = await leaver(t)
  const heard: ExitReason[] = []
  const watch = (): void => {
    if (heard.length < 5)
      monitor(ref, (reason) => {
        heard.push(reason)
        watch()
      })
  }
  watch()
  tree.exitChild('a')
  assert.deepEqual(heard, ['killed'])
  await settle()
  assert.deepEqual(heard.slice(1), ['noproc', 'noproc', 'noproc', 'noproc'])
})
