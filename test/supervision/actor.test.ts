import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import {
  Actor,
  type ActorSpec,
  cast,
  type ExitReason,
  monitor,
  type SupervisorEvent,
  startSupervisor,
  withTimeout,
} from '../../src/supervision/index.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

const NOPROC = { code: 'BERYL_ERR_NOPROC' }
const boom = new Error('boom')

/** The journal of this file's actors, and the gates at which they wait. */
const journal: string[] = []
const gates = new Map<string, (value: string) => void>()
const read = (): string => journal.splice(0).join(' ')
const gate = (word: string): Promise<string> => new Promise((resolve) => gates.set(word, resolve))
const open = (word: string): void => gates.get(word)?.(`${word} opened`)

type Plan = 'ok' | 'throws' | 'rejects' | 'ignores' | 'hangs' | 'odd'

/** Does what it is told, and writes it down. */
class Scribe extends Actor {
  override init(plan: Plan = 'ok'): Promise<'ignore' | undefined> | 'ignore' | undefined {
    journal.push('init')
    if (plan === 'throws') throw boom
    if (plan === 'rejects') return Promise.reject(boom)
    if (plan === 'hangs') return gate('init').then(() => undefined)
    if (plan === 'odd') return 42 as unknown as undefined
    return plan === 'ignores' ? 'ignore' : undefined
  }

  write(word: string): string {
    journal.push(word)
    return word
  }

  async slow(word: string): Promise<string> {
    journal.push(`${word}…`)
    const value = await gate(word)
    journal.push(word)
    return value
  }

  replyLater(word: string) {
    return this.context.later(gate(word))
  }

  fail(): never {
    throw boom
  }

  end(reason?: ExitReason): string {
    this.context.stop(reason)
    return 'last words'
  }

  async endLater(): Promise<string> {
    this.context.stop()
    return gate('end')
  }

  endWhen(word: string): void {
    this.context.spawn(gate(word).then(() => this.context.stop('shutdown')))
  }

  waiting(): number {
    return this.context.mailboxLength
  }

  every(ms: number, source: EventEmitter): void {
    this.context.setInterval(() => void journal.push('tick'), ms)
    this.context.on(source, 'word', (word: string) => this.write(word))
  }

  who(): string {
    return `${this.context.path} ${this.context.incarnation} ${this.context.signal.aborted}`
  }

  override terminate(reason: ExitReason): void {
    journal.push(`terminate(${typeof reason === 'string' ? reason : Object.keys(reason)})`)
  }
}

class Sulker extends Scribe {
  override terminate(): never {
    throw new Error('and stay out')
  }
}

async function begin(spec = Scribe.spec({ id: 'scribe' })) {
  const clock = fakeClock()
  const events: SupervisorEvent[] = []
  const report = (event: SupervisorEvent): void => void events.push(event)
  const tree = await startSupervisor({ name: 'top', clock, report, intensity: 9, children: [spec] })
  read()
  const ref = tree.which('scribe')
  assert.ok(ref)
  const exits = () => events.flatMap((event) => (event.type === 'child_exited' ? [event.reason] : []))
  return { clock, tree, ref, exits }
}

/** Runs a test with a scribe, and stops it afterwards. */
function withScribe(
  title: string,
  body: (lab: Awaited<ReturnType<typeof begin>>) => Promise<void>,
  spec?: Parameters<typeof begin>[0],
): void {
  test(title, async () => {
    const lab = await begin(spec)
    try {
      await body(lab)
    } finally {
      lab.tree.kill()
      await lab.clock.settle()
      read()
    }
    assert.equal(lab.clock.pending, 0, 'no timer is left')
  })
}

withScribe(
  'A1 a call waits 5000 ms; then the caller fails, and the work happens all the same',
  async ({ clock, ref }) => {
    const call = ref.slow('a')
    const refused = assert.rejects(
      call,
      /the call of 'slow' to 'top\/scribe' was not answered within 5000 ms/,
    )
    await clock.advance(4_999)
    await clock.advance(1)
    await refused
    open('a')
    await clock.settle()
    assert.equal(read(), 'a… a')
  },
)

withScribe('A1 withTimeout gives the same actor another limit', async ({ clock, ref }) => {
  const refused = assert.rejects(withTimeout(ref, 100).slow('a'), { code: 'BERYL_ERR_CALL_TIMEOUT' })
  const patient = withTimeout(ref, 'infinity').slow('b')
  await clock.advance(100)
  await refused
  open('a')
  await clock.advance(1_000_000)
  open('b')
  assert.equal(await patient, 'b opened')
})

withScribe(
  'A1 a spec may set the limit',
  async ({ clock, ref }) => {
    const refused = assert.rejects(ref.slow('a'), /within 10 ms/)
    await clock.advance(10)
    await refused
  },
  Scribe.spec({ id: 'scribe', callTimeoutMs: 10 }),
)

withScribe('A2 a reply after its time is dropped, and seen by no later call', async ({ clock, ref }) => {
  const refused = assert.rejects(withTimeout(ref, 1).slow('a'))
  await clock.advance(1)
  await refused
  const next = ref.write('b')
  open('a')
  assert.equal(await next, 'b')
})

withScribe('A3 N15 a call to the dead fails at once with noproc', async ({ clock, tree, ref }) => {
  tree.exitChild('scribe')
  await assert.rejects(ref.write('a'), NOPROC)
  await clock.settle()
  await assert.rejects(ref.write('a'), NOPROC, 'the next incarnation has another ref')
  assert.equal(await tree.which('scribe')?.write('b'), 'b')
})

withScribe(
  'A4 N16 when it crashes, whoever waits fails at once with the crash, running or queued',
  async ({ clock, ref }) => {
    const failures = [ref.slow('a'), ref.fail(), ref.write('never')].map((call) =>
      call.then(
        (value) => value,
        (error: unknown) => error,
      ),
    )
    open('a')
    const [first, ...others] = await Promise.all(failures)
    assert.equal(first, 'a opened')
    for (const error of others) {
      assert.ok(error instanceof Error && error.cause === boom)
      assert.equal(error.message, "'top/scribe' exited: boom")
    }
    await assert.rejects(ref.write('b'), NOPROC)
    assert.equal(clock.now(), 0, 'nobody waited for a timeout')
    assert.equal(read(), 'a… a terminate(error) init')
  },
)

withScribe('A5 a normal end without a reply fails whoever waits, too', async ({ clock, ref }) => {
  const slow = ref.slow('a')
  const queued = Promise.allSettled([ref.end(), ref.write('never')])
  open('a')
  await slow
  const [end, never] = await queued
  assert.deepEqual(end, { status: 'fulfilled', value: 'last words' })
  assert.ok(never?.status === 'rejected' && /exited: normal/.test(String(never.reason)))
  await clock.settle()
})

withScribe(
  'A6 stopping with a reply: terminate runs, then the reply goes out, then it exits',
  async ({ clock, ref, exits }) => {
    monitor(ref, (reason) => void journal.push(`down(${String(reason)})`))
    const reply = ref.endLater().then((value) => void journal.push(value))
    open('end')
    await reply
    await clock.settle()
    assert.equal(read().replace(' init', ''), 'terminate(normal) down(normal) end opened')
    assert.deepEqual(exits(), ['normal'])
  },
)

withScribe('A6 an actor may stop between two messages', async ({ clock, ref, exits }) => {
  await ref.endWhen('a')
  open('a')
  await clock.settle()
  assert.deepEqual(exits(), ['shutdown'])
})

withScribe('A7 a promised reply lets the mailbox go on; the caller waits for it', async ({ ref }) => {
  const reply = ref.replyLater('a')
  assert.equal(await ref.write('b'), 'b')
  open('a')
  open('a')
  assert.equal(await reply, 'a opened')
})

withScribe('A4 A7 a promised reply fails with the actor', async ({ ref, tree }) => {
  const reply = ref.replyLater('a')
  tree.exitChild('scribe', { error: boom })
  await assert.rejects(reply, (error) => error instanceof Error && error.cause === boom)
})

withScribe('A8 a cast never fails, also to nobody', async ({ clock, ref, tree }) => {
  cast(ref).write('a')
  tree.exitChild('scribe')
  cast(ref).fail()
  await clock.settle()
  assert.equal(read(), 'a init')
})

withScribe(
  'A9 messages are handled in the order in which they came, one at a time',
  async ({ clock, ref }) => {
    const calls = [ref.slow('a'), ref.write('b'), ref.slow('c'), ref.write('d')]
    assert.equal(read(), 'a…')
    open('a')
    await clock.settle()
    assert.equal(read(), 'a b c…')
    open('c')
    await Promise.all(calls)
    assert.equal(read(), 'c d')
  },
)

withScribe(
  'A10 A16 a handler that fails: terminate runs, then it exits with that error, and the mailbox is lost',
  async ({ clock, ref, exits }) => {
    const slow = ref.slow('a')
    const lost = Promise.allSettled([ref.fail(), ref.write('lost')])
    open('a')
    await slow
    await lost
    await clock.settle()
    assert.equal(read(), 'a… a terminate(error) init')
    assert.deepEqual(exits(), [{ error: boom }])
  },
)

withScribe(
  'A11 an error in terminate becomes the exit reason',
  async ({ clock, ref, exits }) => {
    await assert.rejects(ref.fail(), /and stay out/)
    await clock.settle()
    assert.match(
      String(
        exits().map((reason) => (typeof reason === 'object' && 'error' in reason ? reason.error : reason)),
      ),
      /and stay out/,
    )
  },
  Sulker.spec({ id: 'scribe' }),
)

for (const plan of ['throws', 'rejects', 'odd'] as const)
  test(`A12 A13 an init that ${plan} is a failed start: terminate does not run, and the name is free`, async () => {
    const spec = Scribe.spec({ name: 'the scribe', args: [plan] })
    await assert.rejects(
      startSupervisor({ children: [spec] }),
      plan === 'odd' ? /result of init: wanted undefined or 'ignore', got 42/ : /boom/,
    )
    assert.equal(read(), 'init')
    assert.equal(Scribe.whereis('the scribe'), undefined)
  })

test('A14 an init that says ignore: the start succeeds, nothing runs, the name is free', async () => {
  const tree = await startSupervisor({ children: [Scribe.spec({ name: 'the scribe', args: ['ignores'] })] })
  assert.deepEqual(tree.count(), { specs: 1, active: 0, supervisors: 0, workers: 1 })
  assert.equal(Scribe.whereis('the scribe'), undefined)
  await tree.stop()
  assert.equal(read(), 'init')
})

test('A15 an init that hangs is killed after the start timeout: the name is free before the starter hears of it', async () => {
  const clock = fakeClock()
  const spec = Scribe.spec({ name: 'the scribe', args: ['hangs'] })
  const refused = assert.rejects(startSupervisor({ clock, children: [spec] }), (error) => {
    assert.equal(Scribe.whereis('the scribe'), undefined)
    return /did not finish its start within 5000 ms/.test(String(error))
  })
  await clock.settle()
  assert.ok(Scribe.whereis('the scribe'), 'it holds the name while it starts')
  await clock.advance(5_000)
  await refused
  open('init')
  await clock.settle()
  assert.equal(read(), 'init')
})

withScribe(
  'A16 terminate runs when it is asked to end, after what waited, and not when it is killed',
  async ({ clock, tree, ref }) => {
    cast(ref).slow('a')
    cast(ref).write('b')
    const stopping = tree.terminateChild('scribe')
    open('a')
    await stopping
    assert.equal(read(), 'a… a b terminate(shutdown)')
    await tree.restartChild('scribe')
    tree.exitChild('scribe')
    await clock.settle()
    assert.equal(read(), 'init init')
  },
)

withScribe(
  'A16 an actor that was killed while it was ending itself does not terminate later',
  async ({ clock, tree, ref }) => {
    const call = ref.endLater()
    tree.exitChild('scribe')
    await assert.rejects(call, /exited: killed/)
    open('end')
    await clock.settle()
    assert.equal(read(), 'init')
  },
)

withScribe('A17 what is no method of the actor cannot be called', async ({ ref }) => {
  for (const name of ['init', 'terminate', 'context', 'constructor_', 'then', 'nonsense'])
    assert.equal((ref as unknown as Record<string, unknown>)[name], undefined, name)
})

withScribe(
  'A18 a monitor hears of the end exactly once; of one before it with noproc; demonitored, never',
  async ({ clock, ref, tree }) => {
    const heard: string[] = []
    monitor(ref, (reason) => void heard.push(`first ${String(reason)}`))
    const demonitor = monitor(ref, () => void heard.push('never'))
    demonitor()
    tree.exitChild('scribe')
    await clock.settle()
    monitor(ref, (reason) => void heard.push(`late ${String(reason)}`))
    const never = monitor(ref, () => void heard.push('never'))
    never()
    assert.deepEqual(heard, ['first killed'])
    await clock.settle()
    assert.deepEqual(heard, ['first killed', 'late noproc'])
  },
)

test('A20 A21 a name finds the living incarnation: one holder at a time, freed before the exit is seen', async () => {
  const clock = fakeClock()
  const spec = Scribe.spec({ id: 'scribe', name: 'the scribe' })
  const tree = await startSupervisor({ clock, children: [spec, Scribe.spec({ id: 'free' })] })
  const first = Scribe.whereis('the scribe')
  assert.equal(first, tree.which('scribe'))
  await assert.rejects(tree.startChild(spec.withId('second')), /'the scribe' is running already/)
  assert.ok(first)
  const seen: unknown[] = []
  monitor(first, () => void seen.push(Scribe.whereis('the scribe')))
  const lost = first.slow('a')
  tree.exitChild('scribe')
  await assert.rejects(lost, /exited: killed/)
  await clock.settle()
  assert.deepEqual(seen, [undefined])
  assert.equal(await Scribe.whereis('the scribe')?.write('fresh'), 'fresh')
  assert.equal(Sulker.whereis('the scribe'), undefined, 'it is of another class')
  await tree.stop()
  read()
})

withScribe(
  'A22 N10 timers and subscriptions of an actor go through its mailbox and end with it',
  async ({ clock, ref, tree }) => {
    const source = new EventEmitter()
    await ref.every(100, source)
    cast(ref).slow('a')
    source.emit('word', 'heard')
    await clock.advance(100)
    assert.equal(read(), 'a…', 'both wait for their turn')
    open('a')
    await clock.settle()
    assert.equal(read(), 'a heard tick')
    tree.exitChild('scribe')
    source.emit('word', 'unheard')
    await clock.advance(1_000)
    assert.equal(read(), 'init', 'the next incarnation has no timer of the first')
    assert.equal(source.listenerCount('word'), 0)
  },
)

withScribe('A23 the length of the mailbox can be seen', async ({ ref, tree }) => {
  const slow = ref.slow('a')
  const lengths = Promise.all([ref.waiting(), ref.write('b'), ref.waiting()])
  assert.equal(tree.inspect().children[0]?.note, '3 waiting')
  open('a')
  await slow
  assert.deepEqual(await lengths, [2, 'b', 0])
})

withScribe(
  'N6 an actor that is killed while it is busy is abandoned until its handler settles',
  async ({ clock, ref, tree }) => {
    const call = ref.slow('a')
    tree.exitChild('scribe')
    await assert.rejects(call, /exited: killed/)
    await clock.settle()
    const stillRunning = () => tree.inspect().children[0]?.stillRunning
    assert.equal(stillRunning(), 1)
    open('a')
    await clock.settle()
    assert.equal(stillRunning(), 0)
    assert.equal(tree.inspect().children[0]?.abandoned, 1)
  },
)

withScribe('the context tells who it is', async ({ clock, ref, tree }) => {
  assert.equal(await ref.who(), 'top/scribe 1 false')
  await assert.rejects(ref.fail())
  await clock.settle()
  assert.equal(await tree.which('scribe')?.who(), 'top/scribe 2 false')
})

test('a call to itself waits for its turn, as any other', async () => {
  class Narcissus extends Actor {
    async gaze(): Promise<string> {
      const echo = Narcissus.self(this).name()
      return `${await Promise.race([echo, Promise.resolve('nobody')])}`
    }
    name(): string {
      return 'Narcissus'
    }
  }
  const tree = await startSupervisor({ children: [Narcissus.spec({ id: 'n' })] })
  assert.equal(await tree.which('n')?.gaze(), 'nobody')
  await tree.stop()
})

test('S84 a spec has the policy of its class unless it says otherwise, and withId, withRestart, withShutdown change one thing', () => {
  class Careful extends Actor {
    static override readonly restart = 'transient'
    static override readonly shutdownMs = 30_000
  }
  const policy = ({ id, restart, shutdownMs }: ActorSpec<Careful>) => [id, restart, shutdownMs]
  const spec = Careful.spec({})
  assert.deepEqual(policy(spec), ['Careful', 'transient', 30_000])
  assert.deepEqual(policy(Careful.spec({ id: 'a', restart: 'temporary' })), ['a', 'temporary', 30_000])
  assert.deepEqual(policy(spec.withId('b').withRestart('permanent').withShutdown('brutal')), [
    'b',
    'permanent',
    'brutal',
  ])
  assert.deepEqual(policy(spec), ['Careful', 'transient', 30_000])
})

test('an actor with a method then is refused: every await would take its ref for a promise', async () => {
  class Thenable extends Actor {
    // biome-ignore lint/suspicious/noThenProperty: it is what the test is about
    then(): void {}
  }
  await assert.rejects(
    startSupervisor({ children: [Thenable.spec({ id: 'x' })] }),
    /methods of the actor: wanted any but then/,
  )
})
