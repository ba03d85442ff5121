/**
 * Random trees of processes that misbehave, with listeners and starts that call the supervisor again from within: whatever
 * they do, a stop resolves within the rules, and no timer, listener or error is left.
 */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import {
  type ChildInit,
  type ExitReason,
  type Process,
  type Supervisor,
  startSupervisor,
  supervisor,
} from '../../src/supervision/index.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

const stray: unknown[] = []
const keep = (error: unknown): void => void stray.push(error)

before(() => process.on('uncaughtException', keep).on('unhandledRejection', keep))
after(() => void process.off('uncaughtException', keep).off('unhandledRejection', keep))

const ANSWERS = ['obeys', 'nothing', 'throws', 'rejects', 'hangs', 're-enters'] as const
const STARTS = [
  'runs',
  'runs',
  'runs',
  'throws',
  'rejects',
  'hangs',
  'exits',
  'ignore',
  're-enters',
  'garbage',
] as const
const REQUESTS = ['stop', 'kill', 'terminate', 'start', 'exit', 'restart', 'delete', 'crash'] as const

const child = fc.record({
  start: fc.constantFrom(...STARTS),
  later: fc.boolean(),
  shutdown: fc.constantFrom(...ANSWERS),
  kill: fc.constantFrom(...ANSWERS),
  ends: fc.constantFrom('resolves', 'rejects', 'never', 'garbage'),
  restart: fc.constantFrom('permanent', 'transient', 'temporary'),
  shutdownMs: fc.constantFrom(0, 10, 'brutal' as const),
  request: fc.constantFrom(...REQUESTS),
  nested: fc.boolean(),
})
type Plan = typeof child extends fc.Arbitrary<infer T> ? T : never

const plan = fc.record({
  children: fc.array(child, { minLength: 1, maxLength: 4 }),
  strategy: fc.constantFrom('one_for_one', 'one_for_all', 'rest_for_one'),
  report: fc.constantFrom('hears', 'throws', 'rejects', 're-enters'),
  request: fc.constantFrom(...REQUESTS),
  steps: fc.array(fc.tuple(fc.constantFrom(...REQUESTS), fc.nat({ max: 3 })), { maxLength: 6 }),
})

async function play(whole: typeof plan extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  const clock = fakeClock()
  const controller = new AbortController()
  const crashes: (() => void)[] = []
  let tree: Supervisor | undefined
  // A listener that asks for more whenever something happens would go on for ever by its own doing.
  let asked = 0
  const fresh = (): ChildInit => ({
    id: `added${crashes.length}`,
    restart: 'temporary',
    start: () => make(undefined),
  })

  /** Asks the supervisor for something, from wherever: it may refuse. */
  function ask(request: (typeof REQUESTS)[number], nth: number): void {
    if (tree === undefined || asked >= 20 || tree.state === 'exited') return
    asked += 1
    const id = `c${nth}`
    const attempt = async (): Promise<unknown> => {
      if (request === 'stop') return tree?.stop()
      if (request === 'kill') return tree?.kill()
      if (request === 'terminate') return tree?.terminateChild(id)
      if (request === 'start') return tree?.startChild(fresh())
      if (request === 'exit') return tree?.exitChild(id)
      if (request === 'restart') return tree?.restartChild(id)
      if (request === 'delete') return tree?.deleteChild(id)
      return crashes[nth]?.()
    }
    void attempt().catch(() => {})
  }

  function make(given: Plan | undefined): Process {
    const { shutdown, kill, ends, request } = given ?? {
      shutdown: 'obeys',
      kill: 'obeys',
      ends: 'resolves',
      request: 'stop',
    }
    let settle: (reason: ExitReason) => void = () => {}
    const exited = new Promise<ExitReason>((resolve, reject) => {
      settle = (reason) => {
        if (ends === 'resolves') resolve(reason)
        else if (ends === 'rejects') reject(new Error('boom'))
        else if (ends === 'garbage') resolve(42 as never)
      }
    })
    crashes.push(() => settle('killed'))
    const told = (answer: (typeof ANSWERS)[number], reason: ExitReason): unknown => {
      if (answer === 'obeys') return settle(reason)
      if (answer === 'throws') throw new Error('boom')
      if (answer === 'rejects') return Promise.reject(new Error('boom'))
      if (answer === 'hangs') return new Promise(() => {})
      if (answer === 're-enters') ask(request as 'stop', 0)
      return undefined
    }
    return {
      exited,
      shutdown: (reason) => told(shutdown as 'obeys', reason) as undefined,
      kill: () => told(kill as 'obeys', 'killed') as undefined,
    }
  }

  const children = whole.children.map((one, nth): ChildInit => {
    let starts = 0
    const begin = (): Process | 'ignore' => {
      if (one.start === 'throws' && starts > 1) throw new Error('boom')
      if (one.start === 'ignore') return 'ignore'
      if (one.start === 'garbage' && starts > 1) return { kill: 7 } as never
      if (one.start === 're-enters') ask(one.request, nth)
      const made = make(one)
      if (one.start === 'exits') crashes.at(-1)?.()
      return made
    }
    const start = (): never => {
      starts += 1
      if (one.start === 'rejects' && starts > 1) return Promise.reject(new Error('boom')) as never
      if (one.start === 'hangs' && starts > 1) return new Promise(() => {}) as never
      return (one.later ? Promise.resolve().then(begin) : begin()) as never
    }
    const { restart, shutdownMs } = one
    const leaf = { id: `c${nth}`, restart, shutdownMs, startTimeoutMs: 50, start } as ChildInit
    if (!one.nested) return leaf
    return supervisor(`c${nth}`, { intensity: 2, children: [leaf] }, { restart: restart as 'permanent' })
  })

  const report = (): unknown => {
    if (whole.report === 'throws') throw new Error('boom')
    if (whole.report === 'rejects') return Promise.reject(new Error('boom'))
    if (whole.report === 're-enters') ask(whole.request, 0)
    return undefined
  }
  const starting = startSupervisor({
    clock,
    signal: controller.signal,
    strategy: whole.strategy as 'one_for_one',
    intensity: 5,
    report: report as () => void,
    children,
  }).catch(() => undefined)
  await clock.advance(400)
  tree = await starting
  for (const [request, nth] of whole.steps) {
    ask(request, nth)
    await clock.advance(60)
  }
  let ended = tree === undefined
  void tree?.stop().then(() => {
    ended = true
  })
  // For each child at the most: its start and its shutdown, and 5,000 ms after a kill.
  await clock.advance(12 * (50 + 10 + 5_000))
  assert.ok(ended, 'stop resolves')
  assert.equal(tree?.state ?? 'exited', 'exited')
  assert.equal(clock.pending, 0, 'no timer is left')
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0, 'no listener is left')
  assert.deepEqual(stray, [], 'nothing is uncaught')
}

test('N19 N20 N22 random trees of processes that misbehave and call their supervisor again end within the rules', async (t) => {
  let runs = 0
  process.on('warning', quiet)
  await fc.assert(
    fc.asyncProperty(plan, async (whole) => {
      runs += 1
      await play(whole)
    }),
    { numRuns: 250 },
  )
  process.off('warning', quiet)
  t.diagnostic(`${runs} trees`)
})

function quiet(): void {}
