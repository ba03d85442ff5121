import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mailbox, type Receiver } from '../../src/supervision/mailbox.ts'

type Deed = () => void | Promise<void>

function receiver() {
  const crashes: unknown[] = []
  const doer: Receiver<Deed> = {
    receive: (deed) => deed(),
    crashed: (error) => void crashes.push(error),
  }
  return { crashes, box: new Mailbox(doer) }
}

test('an idle mailbox handles a message within push', () => {
  const { box } = receiver()
  let done = false
  box.push(() => {
    done = true
  })
  assert.equal(done, true)
  assert.equal(box.busy, false)
})

test('what is pushed from within a handler waits for its end, and keeps its order', () => {
  const { box } = receiver()
  const steps: string[] = []
  box.push(() => {
    box.push(() => {
      steps.push('second')
      box.push(() => void steps.push('fourth'))
    })
    box.push(() => void steps.push('third'))
    steps.push('first')
    assert.equal(box.length, 2)
  })
  assert.deepEqual(steps, ['first', 'second', 'third', 'fourth'])
})

test('an asynchronous handler holds up what follows, also when it rejects', async () => {
  const { box, crashes } = receiver()
  const steps: string[] = []
  box.push(async () => {
    await null
    steps.push('slow')
  })
  box.push(async () => Promise.reject(new Error('no')))
  box.push(() => void steps.push('after'))
  assert.deepEqual(steps, [])
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(steps, ['slow', 'after'])
  assert.equal(crashes.length, 1)
  assert.equal(box.busy, false)
})

test('a handler that throws is told, and the next message is handled', () => {
  const { box, crashes } = receiver()
  const steps: string[] = []
  box.push(() => {
    box.push(() => void steps.push('next'))
    throw new Error('no')
  })
  assert.equal(crashes.length, 1)
  assert.deepEqual(steps, ['next'])
})

test('close drops what comes and gives what waited; the message being handled goes on', async () => {
  const { box } = receiver()
  const steps: string[] = []
  box.push(async () => {
    await null
    steps.push('goes on')
  })
  const waiting = (): void => void steps.push('dropped')
  box.push(waiting)
  assert.deepEqual(box.close(), [waiting])
  box.push(waiting)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(steps, ['goes on'])
  assert.equal(box.length, 0)
})

test('100,000 messages that wait are handled in order, in linear time and without deep recursion', async () => {
  const { box } = receiver()
  let last = -1
  box.push(() => Promise.resolve())
  for (let n = 0; n < 100_000; n++)
    box.push(() => {
      assert.equal(n, last + 1)
      last = n
    })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(last, 99_999)
})

test('a message that was handled is kept no longer, though another one always waits', async () => {
  const handled: WeakRef<object>[] = []
  let done = (): void => {}
  const receive = (): Promise<void> =>
    new Promise((resolve) => {
      done = resolve
    })
  const box = new Mailbox<object>({ receive, crashed: assert.fail })
  box.push({})
  box.push({})
  for (let n = 0; n < 100; n++) {
    const message = { n }
    handled.push(new WeakRef(message))
    box.push(message)
    done()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(box.length, 1)
  }
  assert.ok(globalThis.gc, 'needs --expose-gc')
  globalThis.gc()
  const kept = handled.filter((message) => message.deref() !== undefined).length
  assert.ok(kept < 10, `${kept} of 100 are kept`)
})
