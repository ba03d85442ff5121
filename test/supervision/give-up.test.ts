import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  currentSupervisor,
  dynamicSupervisor,
  isSupervisor,
  type SupervisorEvent,
  startSupervisor,
  supervisor,
  worker,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

type GaveUp = SupervisorEvent & { readonly type: 'gave_up' }

function gaveUp(lab: Lab): GaveUp[] {
  return lab.events.filter((event): event is GaveUp => event.type === 'gave_up')
}

test('S105 the error of a supervisor that gives up names the child, and its cause is the last error', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ name: 'shop', intensity: 1, children: [lab.child('a'), lab.child('b')] })
  await lab.exit('b')
  const crash = new Error('the last one')
  await lab.exit('a', { error: crash })
  const [{ supervisor, id, error } = {}] = gaveUp(lab)
  assert.deepEqual([supervisor, id], ['shop', 'a'])
  assert.equal(
    error?.message,
    "supervisor 'shop' gave up: more than 1 restarts in 5000 ms, the last of 'shop/a': the last one",
  )
  assert.equal(error?.cause, crash)
  assert.equal(tree.failure, error)
  assert.equal(await tree.exited, 'shutdown', 'as in OTP')
})

test('S105 the cause is also that of a start that failed, or tells of an exit that is no error', async () => {
  const lab = new Lab()
  await lab.supervise({ intensity: 1, children: [lab.child('a', { starts: { 2: 'fails' } })] })
  await lab.exit('a')
  await lab.supervise({ intensity: 0, children: [lab.child('b')] })
  await lab.exit('b', 'normal')
  await lab.supervise({ intensity: 0, children: [lab.child('c')] })
  await lab.exit('c', { error: undefined })
  const [failed, exited, nothing] = gaveUp(lab).map(({ error }) => error)
  assert.match(String(failed?.cause), /a does not start/)
  assert.match(String(exited?.cause), /'supervisor\/b' exited: normal/)
  assert.match(String(nothing?.message), /the last of 'supervisor\/c': undefined/)
})

test('S105 through nested supervisors the causes lead down to the crash', async () => {
  const lab = new Lab()
  const inner = supervisor('inner', { intensity: 0, children: [lab.child('a')] })
  await lab.supervise({ name: 'outer', intensity: 0, children: [inner] })
  const crash = new Error('at the bottom')
  await lab.exit('a', { error: crash })
  const [below, above] = gaveUp(lab).map(({ error }) => error)
  assert.equal(above?.cause, below)
  assert.equal(below?.cause, crash)
  assert.match(
    String(above?.message),
    /'outer' gave up.*'outer\/inner' gave up.*'outer\/inner\/a': at the bottom/,
  )
})

function warnings(lab: Lab): string[] {
  return lab.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
}

test('S106 a permanent worker that returns at once is told of, once', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    name: 'shop',
    intensity: 2,
    children: [worker('ticker', async ({ setInterval }) => void setInterval(() => {}, 1_000))],
  })
  await tree.exited
  assert.equal(warnings(lab).length, 1)
  assert.match(
    warnings(lab)[0] ?? '',
    /'shop\/ticker' returned at once.*permanent.*await stopped\(\).*restart: 'transient'/,
  )
})

test('S106 nobody is told of one that is transient, crashed, was asked, or had worked for seconds', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    intensity: 9,
    children: [
      worker('done', async () => {}, { restart: 'transient' }),
      lab.child('crashes'),
      lab.child('asked'),
      lab.child('works'),
    ],
  })
  await lab.exit('crashes')
  await tree.terminateChild('asked')
  await lab.clock.advance(2_000)
  await lab.exit('works', 'normal')
  assert.deepEqual(warnings(lab), [])
  await tree.stop()
})

test('S107 isSupervisor knows supervisors of both kinds, also those that have ended, and nothing else', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [dynamicSupervisor('pool'), lab.child('a')] })
  const found: unknown = tree.which('pool')
  assert.ok(isSupervisor(found) && isSupervisor(tree))
  await tree.stop()
  assert.ok(isSupervisor(found))
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  for (const other of [undefined, null, 0, 'pool', {}, lab.probe('a'), revoked.proxy])
    assert.equal(isSupervisor(other), false)
})

test('S10 names that are no strings, and keys that mean nothing, are refused wherever they are given', async () => {
  const wrong = 5 as never
  const calls: Readonly<Record<string, () => unknown>> = {
    "'supervisor', name: wanted a non-empty string, got 5": () => startSupervisor({ name: wrong }),
    'currentSupervisor: name: wanted a non-empty string, got 5': () => currentSupervisor(wrong),
    'worker: id: wanted a non-empty string, got 5': () => worker(wrong, async () => {}),
    'supervisor: id: wanted a non-empty string, got 5': () => supervisor(wrong, {}),
    'none but the keys .*, got "restarts"': () => worker('a', async () => {}, { restarts: 'never' } as never),
    'none but the keys .*, got "strategie"': () => startSupervisor({ strategie: 'one_for_all' } as never),
    'none but the keys .*, got "shutdown"': () => supervisor('a', {}, { shutdown: 5 } as never),
    'none but the keys .*backoff, got "backOff"': () =>
      startSupervisor({ children: [{ id: 'a', backOff: {}, start: () => 'ignore' } as never] }),
  }
  for (const [message, call] of Object.entries(calls))
    await assert.rejects(async () => call(), { message: new RegExp(message) })
})
