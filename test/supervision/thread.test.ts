import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import {
  type ExitReason,
  type SupervisorEvent,
  startSupervisor,
  type ThreadOptions,
  thread,
  threadContext,
} from '../../src/supervision/index.ts'

const deed = new URL('./thread-fixture.mjs', import.meta.url)
const ours = new URL('./thread-child.mjs', import.meta.url)

/** Starts one thread and gives, in turn, the events that its tree tells. */
async function supervised(url: URL, options: ThreadOptions) {
  const told: SupervisorEvent[] = []
  const waiting: (() => void)[] = []
  const report = (event: SupervisorEvent): void => {
    told.push(event)
    for (const wake of waiting.splice(0)) wake()
  }
  const until = async (type: SupervisorEvent['type']): Promise<SupervisorEvent> => {
    for (;;) {
      const event = told.find((one) => one.type === type)
      if (event !== undefined) return event
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  const tree = await startSupervisor({ report, intensity: 9, children: [thread('t', url, options)] })
  return { tree, until }
}

async function exitOf(options: ThreadOptions): Promise<ExitReason> {
  const { tree, until } = await supervised(deed, { restart: 'temporary', ...options })
  const event = await until('child_exited')
  await tree.stop()
  return event.type === 'child_exited' ? event.reason : 'noproc'
}

test('N7 a thread in an endless loop is truly killed, and its supervisor starts another', {
  timeout: 60_000,
}, async () => {
  const { tree, until } = await supervised(deed, { workerData: { deed: 'spins' }, shutdownMs: 'brutal' })
  const first = tree.which('t')
  assert.ok(first)
  await once(first, 'message')
  tree.exitChild('t')
  assert.deepEqual(await until('child_exited').then((event) => 'reason' in event && event.reason), 'killed')
  assert.equal(first.threadId, -1, 'it is gone')
  await tree.stop()
})

test('N7 N12 a thread over its memory limit ends alone, with an error', { timeout: 60_000 }, async () => {
  const reason = await exitOf({
    workerData: { deed: 'hoards' },
    resourceLimits: { maxOldGenerationSizeMb: 16 },
  })
  assert.ok(typeof reason === 'object' && 'error' in reason)
  assert.equal((reason.error as { code?: string }).code, 'ERR_WORKER_OUT_OF_MEMORY')
})

test('N7 the exit of a thread follows what its code did', { timeout: 60_000 }, async () => {
  const thrown = await exitOf({ workerData: { deed: 'throws' } })
  assert.ok(typeof thrown === 'object' && 'error' in thrown && thrown.error instanceof Error)
  assert.equal(thrown.error.message, 'from the thread')
  assert.equal(await exitOf({ workerData: { deed: 'exits', code: 0 } }), 'normal')
  const code = await exitOf({ workerData: { deed: 'exits', code: 3 } })
  assert.match(String(typeof code === 'object' && 'error' in code && code.error), /exited with code 3/)
})

test('a thread that never asked for its context cannot be asked to end, and is ended at once', {
  timeout: 60_000,
}, async () => {
  const { tree, until } = await supervised(deed, { workerData: { deed: 'waits' }, shutdownMs: 'infinity' })
  await tree.stop()
  const event = await until('child_stopped')
  assert.equal(event.type === 'child_stopped' && event.reason, 'shutdown')
})

test('N5 a thread with its context knows its incarnation, is asked to end, and ends by itself', {
  timeout: 60_000,
}, async () => {
  const { tree } = await supervised(ours, { awaitReady: true })
  const worker = tree.which('t')
  assert.ok(worker)
  worker.postMessage('who')
  assert.deepEqual(await once(worker, 'message'), [{ incarnation: 1, path: 'supervisor/t' }])
  const bye = once(worker, 'message')
  await tree.stop()
  assert.deepEqual(await bye, ['bye'])
})

test('a thread that ends before it is ready has not started', { timeout: 60_000 }, async () => {
  const options = { awaitReady: true, workerData: { deed: 'throws' } }
  await assert.rejects(supervised(deed, options), /'supervisor\/t' failed to start: from the thread/)
})

test('a thread whose start takes too long is ended', { timeout: 20_000 }, async () => {
  const threads: Worker[] = []
  const note = (made: Worker): void => void threads.push(made)
  process.on('worker', note)
  const options = { awaitReady: true, startTimeoutMs: 300, workerData: { deed: 'waits' } }
  await assert.rejects(supervised(deed, options), /within 300 ms/)
  process.off('worker', note)
  const [made] = threads
  assert.ok(made)
  if (made.threadId !== -1) await once(made, 'exit')
})

test('outside of a supervised thread there is no context of one', { timeout: 60_000 }, () => {
  assert.throws(() => threadContext(), { code: 'BERYL_ERR_NOPROC' })
})

test('a thread that cannot be made leaves no channel open', async (t) => {
  const close = t.mock.method(BroadcastChannel.prototype, 'close')
  const failing = { workerData: { deed: () => {} } }
  await assert.rejects(startSupervisor({ children: [thread('t', deed, failing)] }), {
    code: 'BERYL_ERR_START_FAILED',
  })
  assert.equal(close.mock.callCount(), 1)
})
